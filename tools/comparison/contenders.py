"""Who takes part in a load: each broker, in each of its variants."""

import dataclasses

from .adapters import Adapter, Setup, adapter_of


@dataclasses.dataclass(frozen=True)
class Contender:
    label: str
    adapter: Adapter
    setup: Setup


def contenders_of(case, programs, loops):
    """Those of a case, the first program's first; `loops` is the usual number of threads."""
    out = []
    for program in programs:
        adapter = adapter_of(program)
        for suffix, setup in adapter.variants(case.stored, case.further).items():
            for count in case.loops or (loops,):
                if case.loops and not adapter.threads and count > 1:
                    continue
                label = program.label + suffix
                if case.loops:
                    label += f", {count} loop{'s' if count > 1 else ''}"
                out.append(Contender(label, adapter,
                                     dataclasses.replace(setup, loops=count, tls=case.tls)))
    return out


def rotated(contenders, by):
    """Another one begins in each round."""
    by %= max(1, len(contenders))
    return contenders[by:] + contenders[:by]
