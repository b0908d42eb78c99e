"""A web page of policies and what serves, on its user's own loopback and with the user's rights."""
