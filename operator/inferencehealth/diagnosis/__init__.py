"""What is wrong with a server, and exercises that show whether failures are survived. Pure."""
