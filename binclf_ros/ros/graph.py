# SPDX-License-Identifier: Apache-2.0
"""Incompatible endpoints: others on our topics with whom no data flows, of which ROS says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.duration import Infinite
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import LivelinessPolicy, QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.subscription import Subscription


def incompatible_endpoints(
    node: Node, subscriptions: Iterable[Subscription[Any]], publishers: Iterable[Publisher[Any]]
) -> list[str]:
    """Return a sentence for each endpoint of others whose type or quality of service does not fit ours."""
    found = []
    for subscription in subscriptions:
        topic, ours = subscription.topic_name, _type_name(subscription.msg_type)
        for other in node.get_publishers_info_by_topic(topic):
            who = f'{other.node_namespace.rstrip("/")}/{other.node_name}'
            if other.topic_type != ours:
                found.append(
                    f'{who} publishes {other.topic_type} on {topic}, expected is {ours}: remap one'
                )
            elif why := _misfit(other.qos_profile, _explicit(subscription.qos_profile)):
                found.append(f'{who} publishes {topic} in vain: {why}{_advice(topic, "subscription")}')
    for publisher in publishers:
        topic, ours = publisher.topic_name, _type_name(publisher.msg_type)
        for other in node.get_subscriptions_info_by_topic(topic):
            who = f'{other.node_namespace.rstrip("/")}/{other.node_name}'
            if other.topic_type != ours:
                found.append(f'{who} expects {other.topic_type} on {topic}, published is {ours}: remap one')
            elif why := _misfit(_explicit(publisher.qos_profile), other.qos_profile):
                found.append(f'{who} receives nothing on {topic}: {why}{_advice(topic, "publisher")}')
    return sorted(set(found))


def doubles(node: Node, publishers: Iterable[Publisher[Any]]) -> list[str]:
    """Return a sentence where a launch was started twice: nodes of one name, or two on one topic."""
    own = node.get_fully_qualified_name()
    names = [f'{where.rstrip("/")}/{name}' for name, where in node.get_node_names_and_namespaces()]
    if names.count(own) > 1:
        return [f'two nodes are {own} and {own}: end one, or rename it (a killed one shows for 20 s)']
    found: dict[str, list[str]] = {}
    for publisher in publishers:
        others = {
            f'{each.node_namespace.rstrip("/")}/{each.node_name}'
            for each in node.get_publishers_info_by_topic(publisher.topic_name)
        }
        for other in others - {own}:
            found.setdefault(other, []).append(publisher.topic_name)
    return [
        f'{own} and {other} both publish {", ".join(topics[:3])}: end one, or remap it'
        for other, topics in sorted(found.items())
    ]


def _type_name(kind: Any) -> str:
    return f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'


def _explicit(ours: QoSProfile) -> QoSProfile:
    """Return what is in force where ours says nothing: the graph describes others in such terms."""
    return QoSProfile(
        depth=max(1, ours.depth),
        reliability=ours.reliability,
        durability=ours.durability,
        deadline=Infinite,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Infinite,
    )


def _misfit(publisher: Any, subscription: Any) -> str:
    compatibility, reason = qos_check_compatible(publisher, subscription)
    if compatibility != QoSCompatibility.ERROR:
        return ''
    return reason.replace('ERROR: ', '').strip().rstrip(';')


def _advice(topic: str, side: str) -> str:
    return f': change theirs, or ours by qos_overrides.{topic}.{side}'
