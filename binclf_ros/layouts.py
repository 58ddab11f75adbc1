# SPDX-License-Identifier: Apache-2.0
"""The layouts of PlotJuggler and Foxglove, for a classifier in a namespace.

`python -m binclf_ros layouts --namespace terrain --output .` writes `terrain.foxglove.json` and
`terrain.plotjuggler.xml`, in which each topic of this package stands under its namespace.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .arguments import Parser
from .core.errors import BinclfError

LAYOUTS = ('foxglove.json', 'plotjuggler.xml')
TOPIC = re.compile(r'(?<=[";])/(?=(probability|decision|trainer|predictor|featurizer)\b)')
STATUS = re.compile(r'(?<="selectedName": ")(?=trainer")')
NAMESPACE = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*')


def in_namespace(layout: str, namespace: str) -> str:
    """Return the text of a layout in which each topic of this package stands under a namespace.

    Raises BinclfError where the namespace is no name.
    """
    name = namespace.strip('/')
    if not NAMESPACE.fullmatch(name):
        raise BinclfError(f'the namespace is {namespace!r:.60}, expected a name such as terrain')
    return STATUS.sub(f'{name}/', TOPIC.sub(f'/{name}/', layout))


def folder() -> Path:
    """Return where the layouts are: beside the sources, or in the share folder of an installed package.

    Raises BinclfError where they are in neither.
    """
    beside = Path(__file__).resolve().parents[1] / 'config'
    installed = Path(sys.prefix) / 'share' / 'binclf_ros' / 'config'
    for each in (beside, installed, *_of_ament()):
        if all((each / name).is_file() for name in LAYOUTS):
            return each
    raise BinclfError(f'the layouts {", ".join(LAYOUTS)} are neither in {beside} nor in {installed}')


def _of_ament() -> list[Path]:
    try:
        from ament_index_python.packages import get_package_share_directory

        return [Path(get_package_share_directory('binclf_ros')) / 'config']
    except Exception:  # no ROS installation, or the package is not in it
        return []


def main(arguments: list[str] | None = None) -> int:
    """Write the layouts for a namespace; return the exit code: 2 where the user is mistaken."""
    parser = Parser('layouts', description='Write the layouts of PlotJuggler and Foxglove for a namespace.')
    parser.add_argument('--namespace', required=True, help='that of the nodes, such as terrain')
    parser.add_argument('--output', default='.', help='the folder to write to (default: the current one)')
    try:
        given = parser.parse_args(arguments)
        name = given.namespace.strip('/').replace('/', '_')
        for layout in LAYOUTS:
            text = in_namespace((folder() / layout).read_text(encoding='utf-8'), given.namespace)
            path = Path(given.output).expanduser() / f'{name}.{layout}'
            path.write_text(text, encoding='utf-8')
            print(path)
    except BinclfError as error:
        print(f'layouts: {error}', file=sys.stderr)
        return 2
    except OSError as error:
        print(f'layouts: {error.filename} cannot be written: {error.strerror}', file=sys.stderr)
        return 2
    return 0
