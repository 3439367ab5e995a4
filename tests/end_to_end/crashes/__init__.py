"""The real command line, killed at every failpoint and at random: nothing is lost, nothing is mixed."""
