# SPDX-License-Identifier: Apache-2.0
"""What is freed is kept, whatever the sizes."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from binclf_ros.ros.memory import keep_freed_memory
if 'keep' in sys.argv:
    keep_freed_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def cloud():
    pieces = [bytes(n_bytes) for n_bytes in (2_080_000, 2_080_000, 2_080_000, 2_730_000, 2_730_000)]
    return sum(map(len, pieces))

for _ in range(5):
    cloud()
before = faults()
for _ in range(20):
    cloud()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another C library')
def test_what_is_freed_is_not_asked_for_again():
    found = subprocess.run(
        [sys.executable, '-c', PROGRAM, 'keep'], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(found.stdout) < 100
