"""Small real data, and some made: each function gives the rows that a training begins with."""
