"""A small bundle, trained on generated mail of two sources."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest

from scorelane.mail import parse
from scorelane.sample import attacks, legitimate
from scorelane.scoring import Bundle
from scorelane.scoring.bundle import write_manifest
from scorelane.scoring.training import corpus, fit, report, write
from scorelane.scoring.training.corpus import Labelled
from scorelane.scoring.training.models import Recipe

SMALL = Recipe(rounds=15, least_in_leaf=5, seeds=(3,), threads=1)


def labelled(seed, count=120):
    for made in (legitimate(seed, count), attacks(seed, count)):
        for number, one in enumerate(made):
            yield Labelled(
                source=f"seed{seed}",
                unwanted=one.category is not None,
                label=one.category or "ham",
                member=f"{one.label}-{number:04}",
                date=(one.received_at + timedelta(seconds=number)).isoformat(),
                cluster="",
                raw=one.raw,
            )


def trained(folder, data):
    fitted = fit.fit(data, SMALL)
    metrics = report.report(data, fitted) | {"source_probe": report.source_probe(data, fitted.trees)}
    write.write(folder, fitted, data, metrics)
    return folder


@pytest.fixture(scope="session")
def mail():
    return [*labelled(1), *labelled(2)]


@pytest.fixture(scope="session")
def train():
    return trained


@pytest.fixture(scope="session")
def data(mail):
    return corpus.build(mail, processes=2)


@pytest.fixture(scope="session")
def folder(data, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("bundles") / "small", data)


@pytest.fixture(scope="session")
def bundle(folder):
    return Bundle.load(folder)


@pytest.fixture
def changed(folder, tmp_path):
    """Call with a function of the manifest: a copy of the bundle whose manifest it changed, digests made good."""

    def make(change):
        copy = tmp_path / "changed"
        shutil.copytree(folder, copy)
        manifest = json.loads((copy / "manifest.json").read_text())
        change(manifest, copy)
        (copy / "manifest.json").unlink()
        write_manifest(copy, {k: v for k, v in manifest.items() if k not in ("format", "tokens", "files")})
        return copy

    return make


@pytest.fixture(scope="session")
def parsed_sample():
    """(wanted, attacks) of a seed that no training uses, parsed."""
    wanted = [parse(one.raw, received_at=one.received_at) for one in legitimate(77, 200)]
    return wanted, [parse(one.raw, received_at=one.received_at) for one in attacks(77, 120)]
