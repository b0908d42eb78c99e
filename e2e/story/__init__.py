"""The scenes that the demo shows and the tests assert: each acts, and awaits what must follow."""
