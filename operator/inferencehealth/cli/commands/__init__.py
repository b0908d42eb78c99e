"""What the `ihp` commands are called with; what they do stands beside this folder."""
