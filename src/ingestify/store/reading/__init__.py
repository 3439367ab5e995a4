"""Reading the lake.

- `dataset_reader`: the reading half of the store: datasets by filters, files of a dataset.
- `file_collection`: the files of one dataset; `stored_content`: their bytes, checked; `unpacked_content`: what is in
  gzip; `file_cache`: a cache of the bytes.
- `data_frame`: a file as a data frame; `records`: its JSON records; `shape`: which types their values have.
- `many_datasets`: a feed of many datasets as one frame; `many_files`: their files, with the columns of all of them;
  `typed_json`: JSON of a known shape, for polars' own reader.
- `kloppy_frames`: kloppy's frames of many datasets as one; `frame_process`: the processes that make them;
  `frame_columns`: the columns of all.
- `dataset_list`, `entry_list`: datasets and quarantine entries as tables; `table_list`: what both share.
- `profiling`: what can be counted in a file.
- `nothing_found`: why filters found nothing; `call_options`: options that were given as filters.
"""
