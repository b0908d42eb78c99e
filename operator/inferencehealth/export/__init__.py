"""What other systems need to check a server: their own formats with the server's numbers. Pure."""
