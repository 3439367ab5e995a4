"""Tracking as a page plays it: the places of the ball and the players, in chunks of a minute.

- tape: collects places on a grid of at most 10 frames a second.
- recording: a match that was read: who plays, and its chunks.
- json_frames: the frames of a JSON file, one after the other.
- skillcorner, metrica, sportec: the readers of these formats.
- by_kloppy: the other formats that kloppy reads.
- reading: the reader of a dataset, and the recordings that stay in memory.
"""
