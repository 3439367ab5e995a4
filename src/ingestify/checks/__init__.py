"""Is this file what it says it is; do the files of a bundle agree."""
