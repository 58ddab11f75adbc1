# SPDX-License-Identifier: Apache-2.0
"""The policy for SROS2 grants each node what it says, hears and serves, and nothing else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from ros_harness import REPOSITORY, environment

POLICY = REPOSITORY / 'config' / 'sros2_policy.xml'
NODES = ('featurizer', 'trainer', 'predictor', 'label_keyboard', 'web')
ONLY_STAMPED, ONLY_PLAIN = {'/points', '/labeled_points'}, {'/features', '/labeled_features'}
ONLY_ASKED_FOR = {'/classification'}


def granted():
    """Return for each node the names that it may publish, subscribe, serve and ask for."""
    found = {}
    for profile in ElementTree.parse(POLICY).iter('profile'):
        node = profile.get('node')

        def names(kind, right, profile=profile, node=node):
            elements = profile.findall(f'{kind}s[@{right}="ALLOW"]/{kind}')
            absolute = (each.text.replace('~', f'/{node}') for each in elements)
            return {name if name.startswith('/') else f'/{name}' for name in absolute}

        topics = names('topic', 'publish'), names('topic', 'subscribe')
        rights = *topics, names('service', 'reply'), names('service', 'request')
        assert found.setdefault(node, rights) == rights, f'{node} has other rights in another enclave'
    return found


def of_node(ground, node):
    """Return what a node publishes, subscribes, serves and asks for, as it is on the graph."""
    client = ground.node
    looks = (
        client.get_publisher_names_and_types_by_node,
        client.get_subscriber_names_and_types_by_node,
        client.get_service_names_and_types_by_node,
        client.get_client_names_and_types_by_node,
    )
    return tuple({name for name, _ in look(node, '/')} for look in looks)


@pytest.mark.parametrize('stamped', ['false', 'true'])
def test_the_policy_is_what_the_nodes_do(ground, stamped):
    ground.start('featurizer', use_sim_time='true', stamped=stamped)
    ground.start('trainer', use_sim_time='true')
    ground.start('predictor', use_sim_time='true')
    ground.start('web', use_sim_time='true', port='0')
    ours, its = pty.openpty()
    command = [
        sys.executable,
        '-m',
        'binclf_ros',
        'label_keyboard',
        '--ros-args',
        '-p',
        'use_sim_time:=true',
    ]
    keyboard = subprocess.Popen(
        command, env=environment(ground.domain), stdin=its, stdout=subprocess.DEVNULL
    )
    wanted = granted()
    publishes, *others = wanted['featurizer']
    wanted['featurizer'] = publishes - (ONLY_PLAIN if stamped == 'true' else ONLY_STAMPED), *others
    publishes, *others = wanted['predictor']
    wanted['predictor'] = publishes - ONLY_ASKED_FOR, *others
    try:
        seen = {}

        def agreed():
            try:
                seen.update({node: of_node(ground, node) for node in NODES})
            except RuntimeError:  # a node that nobody knows of yet
                return False
            return seen == wanted

        ground.wait_until(agreed, meanwhile=lambda: None, every_sec=0.2)
    except AssertionError:
        assert seen == wanted
        raise
    finally:
        keyboard.terminate()
        keyboard.wait()
        os.close(ours)
        os.close(its)
