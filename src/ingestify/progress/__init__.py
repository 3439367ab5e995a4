"""The progress and the result of a call, as people see it: at a terminal, in a notebook, in a log.

audience      whether a person watches, and where
display       the progress and the last line of a call in Python
line          one line that moves on a terminal, or that is written every few seconds
formatting    counts, sizes and times for people
printable     text that a terminal shows and does not obey
"""
