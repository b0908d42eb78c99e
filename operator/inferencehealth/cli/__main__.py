"""`python -m inferencehealth.cli` is `ihp`."""

from inferencehealth.cli.main import main

main()
