# SPDX-License-Identifier: Apache-2.0
"""Vectors from their bytes: read alike whether the layout was seen before or not, and refused alike."""

from __future__ import annotations

import array
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    from rclpy.serialization import deserialize_message, serialize_message
    from std_msgs.msg import Float64, Float64MultiArray, MultiArrayDimension, UInt8

    serialize_message(Float64MultiArray())  # what this loads warns

from binclf_ros.core.errors import SampleError
from binclf_ros.ros import messages
from binclf_ros.ros.messages import (
    FeaturesCodec,
    FeaturesMessage,
    SerializedFeatures,
    decision_to_bytes,
    probability_to_bytes,
    split_names,
)

repeatable = settings(deadline=None, max_examples=150, derandomize=True)
numbers = st.floats(width=64) | st.sampled_from([0.0, 1e99, 1e101, -1e200])


def vector(values, label='', size=0, offset=0):
    message = Float64MultiArray(data=array.array('d', values))
    if label or size:
        message.layout.dim = [MultiArrayDimension(label=label, size=size)]
    message.layout.data_offset = offset
    return message


def outcome(read, given):
    """Return what reading comes to: names and values, or the reason why not."""
    try:
        with np.errstate(over='ignore'):
            names, x = read(given)
    except SampleError as error:
        return error.reason
    return names, x.tolist()


vectors = st.builds(
    vector,
    st.lists(numbers, max_size=6),
    st.sampled_from(['', 'a', 'a,b', 'b,a', 'a,a', 'std(/imu/x, 1.0),b']),
    st.integers(0, 3),
    st.integers(0, 2),
)


@repeatable
@given(st.lists(vectors, min_size=1, max_size=12), st.booleans())
def test_a_stream_of_bytes_is_read_as_each_message_alone(stream, labeled):
    reader = SerializedFeatures(labeled)
    for message in [each for each in stream for _ in range(2)]:
        alone = outcome(FeaturesCodec(labeled).from_msg, message)
        assert outcome(reader.read, serialize_message(message)) == alone


def test_a_layout_that_was_seen_is_not_looked_at_again(monkeypatch):
    reader = SerializedFeatures()
    names, _ = reader.read(serialize_message(vector([1.0, 2.0], 'a,b')))
    monkeypatch.delattr(messages, 'deserialize_message')
    again, x = reader.read(serialize_message(vector([3.0, -4.5], 'a,b')))
    assert again is names
    assert x.tolist() == [3.0, -4.5]


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 1e101])
def test_a_bad_value_in_a_layout_that_was_seen_is_refused_by_its_reason(bad):
    reader = SerializedFeatures()
    reader.read(serialize_message(vector([1.0, 2.0])))
    with pytest.raises(SampleError) as error:
        reader.read(serialize_message(vector([1.0, bad])))
    assert error.value.reason == ('too_large' if bad == 1e101 else 'not_finite')
    assert reader.read(serialize_message(vector([5.0, 6.0])))[1].tolist() == [5.0, 6.0]


def test_the_label_is_looked_at_in_a_layout_that_was_seen():
    reader = SerializedFeatures(labeled=True)
    for label in (0.0, 1.0):
        names, values = reader.read(serialize_message(vector([2.0, label], 'a')))
        assert names == ('a',)
        assert values.tolist() == [2.0, label]
    for label in (0.5, 2.0, -1.0):
        with pytest.raises(SampleError) as error:
            reader.read(serialize_message(vector([2.0, label], 'a')))
        assert error.value.reason == 'label'


def test_every_cut_of_a_message_is_refused_or_as_short_as_it_says():
    reader, data = SerializedFeatures(), serialize_message(vector([1.0, 2.0, 3.0], 'a,b,c'))
    reader.read(data)
    for end in range(len(data)):
        with pytest.raises(SampleError) as error:
            reader.read(data[:end])
        assert error.value.reason in ('unreadable', 'empty', 'layout', 'length')
    assert reader.read(data)[1].tolist() == [1.0, 2.0, 3.0]


def test_what_is_said_as_bytes_is_what_the_messages_say():
    for number in (0.0, 0.1, 1.0, 5e-324):
        assert deserialize_message(probability_to_bytes(number), Float64) == Float64(data=number)
    assert [deserialize_message(decision_to_bytes(each), UInt8).data for each in (0, 1)] == [0, 1]
    message = vector([1.5, -2.0], 'a,std(/b, 1.0)', 2)
    message.layout.dim[0].stride = 2
    said = FeaturesMessage(('a', 'std(/b, 1.0)'), labeled=False).fill(np.array([1.5, -2.0]))
    assert deserialize_message(said, Float64MultiArray) == message
    said = FeaturesMessage(('a',), labeled=True).fill(np.array([1.5]), 1)
    assert deserialize_message(said, Float64MultiArray).data.tolist() == [1.5, 1.0]


@pytest.mark.parametrize(
    ('label', 'names'),
    [
        ('a(b, c),d', ('a(b, c)', 'd')),
        ('/p[hue, 0:1],/q', ('/p[hue, 0:1]', '/q')),
        ('/p["a,b"],/q[n=\'c,d\']/e,f', ('/p["a,b"]', "/q[n='c,d']/e", 'f')),
        ("it's,b", ("it's", 'b')),
    ],
)
def test_names_are_split_at_commas_outside_of_brackets(label, names):
    assert split_names(label) == names
