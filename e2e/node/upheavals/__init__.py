"""What an operator in pods must survive, alone or with the node, and how it comes and goes."""
