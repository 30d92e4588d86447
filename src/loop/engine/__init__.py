"""Where views and joins are computed: DuckDB on this machine, or Spark on many, with the same bits.

An engine takes tables, keeps what an expression makes of them, and reads it back in slices.
What is no expression runs as tasks of Spark.
"""
