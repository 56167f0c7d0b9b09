"""What an audit owes to luck: permutations, repeats, and simulated data whose leak is known."""
