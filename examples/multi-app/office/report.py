"""The operation `report` of the office: what each item brought in, as a file that the web server offers."""

import csv
import json
from collections import Counter
from pathlib import Path

here = Path(__file__).parent
totals = Counter()
for file in sorted((here / "orders").glob("*.json")):
    order = json.loads(file.read_text())
    totals[order["item"]] += order["price"]

reports = here / "reports"
reports.mkdir(exist_ok=True)
with open(reports / "revenue.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["item", "revenue"])
    writer.writerows(sorted(totals.items()))

print(f"{sum(totals.values())} from {len(totals)} items, see reports/revenue.csv")
