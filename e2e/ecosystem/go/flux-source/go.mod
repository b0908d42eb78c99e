module inferencehealth.dev/e2e/flux-source

go 1.26.6

// Only its CRDs are read: the tests write the artifacts of sources themselves.
require github.com/fluxcd/source-controller v1.8.5
