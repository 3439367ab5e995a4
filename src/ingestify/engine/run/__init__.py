"""One run: its jobs, who decides, who commits, and what it found missing at its end."""
