"""One file per model server: how to recognise it, probe it, ask it and read what it says."""
