"""What a football-data lake is. Standard library only."""
