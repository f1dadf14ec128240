"""What is trained: W1 to W10 of the speed benchmark, one idea a file."""
