"""What several of the tests need, and nobody else."""
