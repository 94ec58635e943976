import importlib.util
from pathlib import Path

import pytest

from scorelane.extract import Extractor, Limits


@pytest.fixture(scope="session")
def samples():
    """The module of hand-made attachments."""
    spec = importlib.util.spec_from_file_location("extract_samples", Path(__file__).with_name("samples.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def extractor():
    with Extractor() as shared:
        yield shared


@pytest.fixture
def strict_extractor():
    with Extractor(Limits(wall_s=1.5, cpu_s=1, memory_bytes=128 << 20)) as strict:
        yield strict
