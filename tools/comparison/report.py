"""The markdown document, made of the data of a course and of nothing else."""

from .bench import others_of
from .cases import GROUPS
from .figures import (cell_of, geometric_mean, number, others_text, ratio, ratio_text, text_of)

BUSY = 25  # per cent of a core: what others used is then pointed out
LOUD = 16 << 10  # bytes of a log in one run


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


class Report:
    """`cases` are all that there may be; the data say which were run, and by whom."""

    def __init__(self, data, cases):
        self.data = data
        self.known = {case.id: case for case in cases}
        self.contenders = {each["id"]: each["contenders"] for each in data["cases"]}
        self.cases = [self.known[each["id"]] for each in data["cases"]]
        self.runs = {}
        for run in data["runs"]:
            self.runs.setdefault((run["case"], run["contender"]), []).append(run)

    def markdown(self):
        lines = [*self.head(), *self.summary()]
        for group, title in GROUPS.items():
            cases = [case for case in self.cases if case.group == group]
            if cases:
                lines += ["", f"## {title}", *self.group(cases)]
        return "\n".join([*lines, *self.left_out(), *self.loud(), *self.configurations()]) + "\n"

    # the head

    def head(self):
        data, machine, options = self.data, self.data["machine"], self.data["options"]
        rounds = options["rounds"]
        lines = [
            "# Troupe beside other brokers", "",
            f"Written by `tools/compare` ({machine['date']}). {self.how_to_read(rounds)}", "",
            *table(["machine", ""], [
                ["processor", f"{machine['processor']}, {machine['cores']} cores"],
                ["memory", f"{machine['memory_bytes'] / 2**30:.0f} GiB"],
                ["system", machine["system"]],
                ["data of the brokers", f"{machine['folder']} ({machine['file_system']})"],
                ["checkout", machine["commit"] or "-"],
                ["broker on core / tool on core",
                 f"{options['broker_cores'] or 'any'} / {options['tool_cores'] or 'any'}"],
                ["threads of a broker that has a choice", str(options["loops"])],
                ["rounds; seconds measured, after a warm-up of",
                 f"{rounds}; {options['seconds']:g}, {options['warm_up']:g}"],
                ["used by others meanwhile", self.others()],
            ]), "",
            *table(["broker", "version", "program"],
                   [[each["label"], each["version"], f"`{each['path']}`"]
                    for each in data["programs"]])]
        return lines

    @staticmethod
    def how_to_read(rounds):
        spread = f"median (least..most) of {rounds} rounds" if rounds > 1 else "figure of the only round"
        return (f"A cell is the {spread}; the brokers took turns, each with a fresh process, and "
                "another began each round. *delay* is without TCP_NODELAY, a peer's own "
                "default; *wide* is Troupe with 65,535 messages under way to a client, not 256. A run in which "
                "a message was lost, came twice, out of order or damaged does not count and is told in "
                "bold. *Others* is the share of a core that other processes of the machine used, "
                "median (most) over the runs of a row.")

    def others(self):
        shares = sorted(others_of(run["result"]) for run in self.data["runs"]
                        if run["result"] is not None)
        if not shares:
            return "-"
        busy = sum(share > BUSY for share in shares)
        text = f"{shares[len(shares) // 2]:.0f} % of a core (most {shares[-1]:.0f} %)"
        return text + (f"; **above {BUSY} % in {busy} of {len(shares)} runs**" if busy else "")

    # figures

    def cell(self, case, measure, contender):
        return cell_of(case, measure, self.runs.get((case.id, contender), []))

    def columns(self, cases):
        """Contenders of several cases, each once, in order."""
        return list(dict.fromkeys(each for case in cases for each in self.contenders[case.id]))

    def rows(self, cases, title):
        """(name of the row, case, measure) of a table."""
        return [(case.title + (f", {measure.row}" if measure.row else ""), case, measure)
                for case in cases for measure in case.measures if measure.table == title]

    def group(self, cases):
        lines = self.cores(cases)
        columns = self.columns(cases)
        titles = dict.fromkeys(m.table for case in cases for m in case.measures)
        for title in titles:
            rows = self.rows(cases, title)
            less = rows[0][2].less_is_better
            cells = [(name, [self.cell(case, measure, each) for each in columns])
                     for name, case, measure in rows]
            lines += ["", f"**{title}**{' (less is better)' if less else ''}", ""]
            lines += table(["", *columns, "others"],
                           [[name, *map(text_of, line), others_text(line)] for name, line in cells])
            if len(columns) > 1:
                lines += ["", *self.ratios(columns, cells)]
        return lines

    def cores(self, cases):
        used = {tuple(each["cores"]) for each in self.data["cases"]
                if each["id"] in {case.id for case in cases}}
        options = self.data["options"]
        if used <= {(options["broker_cores"], options["tool_cores"])}:
            return []
        return ["", "Broker on cores " + ", ".join(
            f"{broker}, tool on core {tool}" for broker, tool in sorted(used)) + "."]

    @staticmethod
    def ratios(columns, cells):
        rows, means = [], [[] for _ in columns[1:]]
        for name, line in cells:
            found = [ratio(line[0], other) for other in line[1:]]
            rows.append([name, *map(ratio_text, found)])
            for mean, value in zip(means, found):
                mean += [value] if value else []
        if len(rows) > 2:
            rows.append(["*geometric mean*", *[ratio_text(geometric_mean(each)) if each else "-"
                                               for each in means]])
        return table([f"{columns[0]} / ...", *columns[1:]], rows)

    def summary(self):
        """The ratios of each table but the rates, one line a peer."""
        lines = []
        for group in GROUPS:
            cases = [case for case in self.cases if case.group == group]
            for title in dict.fromkeys(m.table for case in cases for m in case.measures):
                if not title.endswith("per second"):
                    lines += self.glance(group, title, self.rows(cases, title))
        if not lines:
            return []
        return ["", "## At a glance", "",
                *table(["load", "what", "ratio of medians", "geometric mean", "least..most", "rows"],
                       lines)]

    def glance(self, group, title, rows):
        columns = self.columns([case for _, case, _ in rows])
        what = title + (" (less is better)" if rows[0][2].less_is_better else "")
        lines = []
        for other in columns[1:]:
            found = [ratio(self.cell(case, measure, columns[0]), self.cell(case, measure, other))
                     for _, case, measure in rows]
            found = [each for each in found if each]
            if found:
                lines.append([group, what, f"{columns[0]} / {other}",
                              ratio_text(geometric_mean(found)),
                              f"{min(found):.2f}..{max(found):.2f}", str(len(found))])
        return lines

    # what else is to be known

    def left_out(self):
        left = self.data["left_out"]
        if not left:
            return []
        by_case = {}
        for case, _, _ in left:
            by_case[case] = by_case.get(case, 0) + 1
        return ["", "## Left out", "", "The time was up before: " + ", ".join(
            f"{case} ({count} runs)" for case, count in by_case.items()) + "."]

    def loud(self):
        """Brokers that wrote much to their logs: that costs time, and may tell of a wrong setting."""
        found = {}
        for run in self.data["runs"]:
            if run["log_bytes"] > LOUD:
                found.setdefault((run["contender"], run["case"]), []).append(run)
        if not found:
            return []
        return ["", "## Long logs", "", *table(
            ["broker", "load", "at most", "last line"],
            [[label, case, f"{max(run['log_bytes'] for run in runs) // 1024} KiB",
              runs[-1]["last_words"].replace("|", "/")[:200]]
             for (label, case), runs in found.items()])]

    def configurations(self):
        lines = ["", "## Settings", "", "As written for each run; DIR is a fresh folder, PORT a port "
                 "that the kernel chose."]
        for each in self.data["configurations"]:
            by_label = {}
            for label, group in each["for"]:
                by_label.setdefault(label, []).append(group)
            lines += ["", "; ".join(f"**{label}** ({', '.join(groups)})"
                                    for label, groups in by_label.items())
                      + f". What is acknowledged survives {each['survives']}.",
                      "", "```", each["text"].rstrip(), "```"]
        return lines


def markdown(data, cases):
    return Report(data, cases).markdown()


def short(data, cases):
    """A few lines for the terminal: the medians of each case's first measure."""
    report = Report(data, cases)
    lines = []
    for case in report.cases:
        cells = [(each, report.cell(case, case.measures[0], each))
                 for each in report.contenders[case.id]]
        told = ", ".join(f"{label} {number(cell.median()) if cell.values else 'nothing'}"
                         for label, cell in cells)
        lines.append(f"{case.id}: {told} ({case.measures[0].table.lower()})")
    return "\n".join(lines)
