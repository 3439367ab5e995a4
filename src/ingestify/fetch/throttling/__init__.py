"""How quickly a host is asked: configured limits, announced limits, and limits found by trying."""
