"""The objects people write and read: the two CRDs as values, and how their schema is generated."""
