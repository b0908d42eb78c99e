"""What a release is made of: image, manifests, chart, list of parts (`python -m releasing`)."""
