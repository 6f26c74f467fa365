"""DuckDB on the payments of `decide_load export`: the batch form of the pack, one thread, every column of it made. Reading the file is
outside the time.

    batch.py DIR
"""

import json
import sys
import time

import duckdb

folder = sys.argv[1]
connection = duckdb.connect(config={"threads": 1})
connection.execute("CREATE TABLE payments AS FROM read_csv(?)", [folder + "/payments.csv"])
with open(folder + "/batch.sql", encoding="utf-8") as file:
    sql = file.read()
begin = time.perf_counter()
connection.execute(f"CREATE TABLE decided AS {sql}")
took = time.perf_counter() - begin
columns = [name for (name, *_) in connection.execute("DESCRIBE decided").fetchall() if name.startswith("rule:")]
counted = " + ".join(f'count(*) FILTER (WHERE "{name}")' for name in columns)
events, hits = connection.execute(f"SELECT count(*), {counted} FROM decided").fetchone()
print(json.dumps({"name": "pack", "peer": f"DuckDB {duckdb.__version__} in batch", "steps": events, "per_s": events / took, "hits": hits}))
