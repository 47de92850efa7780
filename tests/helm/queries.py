"""Looks at every query of the alerts and of the dashboard.

queries.py names CHART PAGE    every metric in them stands on PAGE, the text of /metrics
queries.py rules CHART         prints the dashboard's queries as a rule file, for promtool to read
queries.py runbook CHART       every alert has what it must have, and a heading in the runbook
"""

import json
import re
import sys
from pathlib import Path

import yaml

# What Prometheus makes itself.
OF_PROMETHEUS = {"up"}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "inf", "nan",
         "start", "end", "atan2"}
TOKEN = re.compile(r"""
    (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<labels>\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\))
  | (?P<range>\[[^\]]*\])
  | (?P<variable>\$\w+)
  | (?P<number>\d+(?:\.\d+)?(?:[a-z]+)?)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<other>.)
""", re.VERBOSE | re.DOTALL)


def metrics(query):
    """The names of metrics in a query: what is no word, no function and stands outside of braces."""
    depth = 0
    tokens = [one for one in TOKEN.finditer(query) if not one[0].isspace()]
    for index, token in enumerate(tokens):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif token.lastgroup == "name" and depth == 0:
            follows = tokens[index + 1][0] if index + 1 < len(tokens) else ""
            aggregates = index + 1 < len(tokens) and tokens[index + 1].lastgroup == "labels"
            if follows != "(" and not aggregates and token[0].lower() not in WORDS:
                yield token[0]


def alerts(chart):
    groups = yaml.safe_load((chart / "rules/belay.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def board(chart):
    """Title and query of everything on the dashboard."""
    read = json.loads((chart / "dashboards/belay.json").read_text())
    for panel in read["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in read["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.*),\s*\w+\)", variable["query"]["query"])
            yield f"variable {variable['name']}", found[1]


def used(chart):
    """Every metric with the places that name it."""
    places = {}
    told = [(f"alert {rule['alert']}", rule["expr"]) for rule in alerts(chart)]
    told += [(f"dashboard, {title}", query) for title, query in board(chart)]
    for place, query in told:
        for name in metrics(query):
            if name not in OF_PROMETHEUS:
                places.setdefault(name, set()).add(place)
    return places


def there(page):
    """Names on a page: those of its samples, and those that its TYPE lines announce where there is no sample yet."""
    names = set()
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()[:4]
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(kind, [""])
            names |= {name if name.endswith(ending) else name + ending for ending in endings}
        elif line and not line.startswith("#"):
            names.add(re.match(r"[A-Za-z_:][A-Za-z0-9_:]*", line)[0])
    return names


def plain(query):
    """A query as Prometheus reads it, with Grafana's variables filled in."""
    return query.replace("$__rate_interval", "5m").replace("$org", ".*")


def main(what, chart, *rest):
    chart = Path(chart)
    if what == "names":
        known = there(Path(rest[0]).read_text())
        missing = {name: places for name, places in used(chart).items() if name not in known}
        for name, places in sorted(missing.items()):
            print(f"no such metric: {name} ({', '.join(sorted(places))})")
        if not missing:
            print(f"all {len(used(chart))} metrics of alerts and dashboard are on the page")
        return 1 if missing else 0
    if what == "rules":
        rules = [{"record": f"dashboard:{index}", "expr": plain(query)} for index, (_, query) in enumerate(board(chart))]
        print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}, indent=1))
        return 0
    if what == "runbook":
        text = (chart / "README.md").read_text()
        runbook = text[text.index("\n## Runbook\n"):] if "\n## Runbook\n" in text else ""
        headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", runbook, re.MULTILINE)}
        broken = []
        for rule in alerts(chart):
            for key in ("summary", "description", "runbook_url"):
                if not rule["annotations"].get(key):
                    broken.append(f"alert {rule['alert']} has no {key}")
            if rule["labels"].get("severity") not in ("info", "warning", "critical"):
                broken.append(f"alert {rule['alert']} has no severity")
            anchor = rule["annotations"].get("runbook_url", "").partition("#")[2]
            if anchor not in headings:
                broken.append(f"alert {rule['alert']} points at a heading that the runbook does not have: {anchor}")
        extra = headings - {rule["alert"].lower() for rule in alerts(chart)}
        broken += [f"the runbook has a heading without an alert: {heading}" for heading in sorted(extra)]
        named = json.loads((chart / "values.schema.json").read_text())
        named = named["properties"]["prometheusRule"]["properties"]["disable"]["items"]["enum"]
        if sorted(named) != sorted(rule["alert"] for rule in alerts(chart)):
            broken.append("prometheusRule.disable in values.schema.json names other alerts than there are")
        print("\n".join(broken), end="\n" if broken else "")
        return 1 if broken else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
