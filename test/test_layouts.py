# SPDX-License-Identifier: Apache-2.0
"""The layouts in config/, read by the rules of the programs that load them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from binclf_ros.core.errors import BinclfError
from binclf_ros.layouts import LAYOUTS, in_namespace, main

CONFIG = Path(__file__).resolve().parents[1] / 'config'


def panels(layout):
    """Every panel that the mosaic of a Foxglove layout shows."""
    return [layout] if isinstance(layout, str) else panels(layout['first']) + panels(layout['second'])


@pytest.mark.parametrize('namespace', ['', 'terrain', '/front/slip/'])
def test_foxglove_and_lichtblick_read_their_layout(namespace):
    text = (CONFIG / 'foxglove.json').read_text()
    layout = json.loads(in_namespace(text, namespace) if namespace else text)
    shown = panels(layout['layout'])
    assert sorted(shown) == sorted(layout['configById'])
    for name in shown:
        config = layout['configById'][name]
        assert re.fullmatch(r'[A-Za-z]+![a-z]+', name)
        assert config.get('foxglovePanelTitle') == config.get('lichtblickPanelTitle')
        if name.startswith('Plot!'):
            assert config['foxglovePanelTitle'] and config['legendDisplay'] in {'top', 'left', 'none'}
            prefix = namespace.strip('/') and f'/{namespace.strip("/")}'
            assert all(path['value'].startswith(f'{prefix}/') for path in config['paths'])
            assert all(path['value'].endswith('.data') for path in config['paths'])
    status = layout['configById']['DiagnosticStatusPanel!trainer']
    assert status['selectedHardwareId'] == '' and status['selectedName'].endswith('trainer')


@pytest.mark.parametrize('namespace', ['', 'terrain'])
def test_plotjuggler_reads_its_layout(namespace):
    text = (CONFIG / 'plotjuggler.xml').read_text()
    root = ElementTree.fromstring(in_namespace(text, namespace) if namespace else text)
    assert float(root.find('streaming_buffer_size').get('value')) == 600
    splitter = root.find('.//DockSplitter')
    areas = splitter.findall('DockArea')
    assert int(splitter.get('count')) == len(areas) == len(splitter.get('sizes').split(';'))
    assert all(area.get('name') not in {None, '', '...'} for area in areas)
    assert all(area.find('plot/limitY').get('min') is not None for area in areas)
    (decision,) = (area for area in areas if area.find('plot/curve').get('name').endswith('/decision/data'))
    assert decision.find('plot').get('style') == 'Steps'
    curves = {curve.get('name').removesuffix('/data') for curve in root.iter('curve')}
    assert curves == set(root.find('.//selected_topics').get('value').split(';'))
    assert all(curve.startswith(f'/{namespace}/') for curve in curves if namespace)


def test_layouts_of_a_namespace_are_written(tmp_path, capsys):
    assert main(['--namespace', '/front/slip', '--output', str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f'front_slip.{name}' for name in LAYOUTS]
    assert main(['--namespace', 'no name', '--output', str(tmp_path)]) == 2
    assert 'expected a name such as terrain' in capsys.readouterr().err
    assert main(['--namespace', 'a', '--output', str(tmp_path / 'missing')]) == 2


def test_what_is_no_namespace_is_refused():
    for each in ('', '/', 'a b', '../x', 'a//b', '1a'):
        with pytest.raises(BinclfError, match='expected a name'):
            in_namespace('', each)
