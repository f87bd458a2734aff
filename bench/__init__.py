"""What `make bench` runs: a module per question, told apart from what they have in common."""
