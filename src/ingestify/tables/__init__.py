"""Columnar tables of the lake: rows that are made of each dataset.

- registry: the tables that there are: the standard ones, those of a provider's feeds, those of installed packages.
- make_rows: the rows of one dataset, for several tables; this is what worker processes execute.
- definition: which table, by which function, of which datasets.
- table_input: one dataset, for the functions that make rows: its files, and what kloppy makes of it.
- kloppy_blocks: tracking that kloppy loads some thousand frames at a time.
- column_types: the few types that the columns of tables have.
- rows: the functions that make rows, one module for each table.
"""
