"""What a reader gets: files, their content, data frames, and lists that are tables."""
