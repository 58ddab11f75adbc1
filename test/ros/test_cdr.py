# SPDX-License-Identifier: Apache-2.0
"""Messages of any type from their bytes: what a shape reads is what the message itself says."""

from __future__ import annotations

import array
import math
import struct
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    import diagnostic_msgs.msg
    import geometry_msgs.msg
    import sensor_msgs.msg
    import std_msgs.msg
    from rclpy.serialization import deserialize_message, serialize_message
    from sensor_msgs.msg import Imu, JointState, LaserScan
    from std_msgs.msg import Bool, Int8, String

    serialize_message(String())  # what this loads warns

from binclf_ros.core import cdr
from binclf_ros.core.cdr import LETTERS, SerializedReadings, Shape
from binclf_ros.core.errors import SampleError
from binclf_ros.core.features.expressions import parse
from binclf_ros.core.features.fields import ARRAY, has_header
from binclf_ros.core.features.paths import Segment
from binclf_ros.core.features.readings import Readings
from binclf_ros.ros.types import decoder, field_types, message_class

PACKAGES = (diagnostic_msgs, geometry_msgs, sensor_msgs, std_msgs)
KINDS = {
    f'{package.__name__}/{name}': getattr(package.msg, name)
    for package in PACKAGES
    for name in dir(package.msg)
    if hasattr(getattr(package.msg, name), 'get_fields_and_field_types')
}


WITHOUT_NUMBERS = {'diagnostic_msgs/KeyValue', 'std_msgs/Empty', 'std_msgs/String'}


def serialized(kind, paths):
    name = f'{kind.__module__.split(".")[0]}/{kind.__name__}'
    return SerializedReadings(name, paths, field_types, decoder(name))


def stamped(kind):
    return has_header(kind.get_fields_and_field_types())


def paths_of(*texts):
    return [parse(f'/topic/{text}').paths[0].split(['/topic'])[1] for text in texts]


def some(of, generator):
    """Return a value of a type, anything that it may hold."""
    match = ARRAY.match(of)
    if match is not None:
        item = match['of'] or match['item']
        count = int(match['length'] or generator.integers(0, 4))
        values = [some(item, generator) for _ in range(count)]
        return values if item != 'octet' else [bytes([each]) for each in values]
    if of in ('float', 'double'):
        number = generator.choice([generator.normal(), 0.0, -1e30, math.inf, math.nan])
        return float(np.float32(number) if of == 'float' else number)
    if of == 'boolean':
        return bool(generator.integers(2))
    if of in LETTERS:
        bits, low = 8 * struct.calcsize(LETTERS[of]), LETTERS[of].islower()
        return int.from_bytes(generator.bytes(bits // 8), 'little', signed=low)
    if of.startswith('string'):
        return 'x' * int(generator.integers(0, 12))
    message = message_class(of)()
    fill(message, generator)
    return message


def fill(message, generator):
    for name, of in message.get_fields_and_field_types().items():
        value = some(of, generator)
        setattr(message, name, bytes([value]) if of == 'octet' else value)


def numbers_in(message, before=()):
    """Yield the path of every number of a message, and of every list of numbers."""
    for name, of in message.get_fields_and_field_types().items():
        match = ARRAY.match(of)
        item = of if match is None else match['of'] or match['item']
        value = getattr(message, name)
        if item in LETTERS:
            yield (*before, Segment(name))
            if match is not None and len(value):
                yield (*before, Segment(name, len(value) - 1))
                yield (*before, Segment(name, slice(0, len(value), 2)))
        elif '/' in item and match is None:
            yield from numbers_in(value, (*before, Segment(name)))
        elif '/' in item and len(value):
            yield from numbers_in(value[-1], (*before, Segment(name, len(value) - 1)))


def same(found, expected):
    assert found[0] == expected[0]
    assert found[2] == expected[2] == {}
    assert len(found[1]) == len(expected[1])
    for values, wanted in zip(found[1], expected[1]):
        np.testing.assert_array_equal(np.array(values, dtype=float), np.array(wanted, dtype=float))


@pytest.mark.parametrize('name', KINDS)
def test_every_number_of_every_type_is_read_as_the_message_says(name, monkeypatch):
    kind, generator = KINDS[name], np.random.default_rng(len(name))
    lengths = set()
    for _ in range(8):
        message = kind()
        fill(message, generator)
        paths = list(numbers_in(message))
        if not paths:
            continue
        data = serialize_message(message)
        lengths.add(len(data))
        reader, expected = serialized(kind, paths), Readings(paths, stamped(kind)).read(message)
        for _ in range(2):
            same(reader.read(data), expected)
        with monkeypatch.context() as patch:  # from here on it goes by its shape, and by nothing else
            patch.delattr(reader, '_decode')
            same(reader.read(data), expected)
    assert lengths or name in WITHOUT_NUMBERS


def scan(count=5, frame='laser', sec=7):
    message = LaserScan(ranges=array.array('f', range(count)), range_max=9.5)
    message.header.frame_id, message.header.stamp.sec = frame, sec
    return message


def test_a_stream_whose_strings_and_lists_change_is_read_as_each_message_alone():
    paths = paths_of('ranges', 'ranges[1]', 'ranges[0:3:2]', 'range_max')
    reader, plain = serialized(LaserScan, paths), Readings(paths, True)
    for i, (count, frame) in enumerate(
        [(5, 'laser')] * 4 + [(6, 'laser')] * 3 + [(5, 'base_laser'), (7, 'l')] * 3 + [(4, 'laserlase')] * 3
    ):
        message = scan(count, frame, i)
        same(reader.read(serialize_message(message)), plain.read(message))


def test_lengths_that_move_within_a_message_of_one_length_are_seen():
    paths = paths_of('position[0]', 'effort')
    reader, plain = serialized(JointState, paths), Readings(paths, True)
    one = JointState(name=['a', 'b'], position=[1.0, 2.0], effort=[3.0])
    other = JointState(name=['a', 'b'], position=[1.0], effort=[2.0, 3.0])
    datas = serialize_message(one), serialize_message(other)
    assert len(datas[0]) == len(datas[1])
    for message, data in [(one, datas[0]), (other, datas[1])] * 3 + [(one, datas[0])] * 3:
        same(reader.read(data), plain.read(message))


def test_what_a_message_has_not_is_told_each_time():
    reader = serialized(LaserScan, paths_of('ranges[5]', 'range_max'))
    for _ in range(4):
        _, values, unread = reader.read(serialize_message(scan(5)))
        assert unread[0].reason == 'element' and list(values[1]) == [9.5]
    stamp, values, unread = reader.read(serialize_message(scan(6)))
    assert (stamp, unread) == (7_000_000_000, {}) and [list(each) for each in values] == [[5.0], [9.5]]


@pytest.mark.parametrize(('kind', 'value'), [(Bool, True), (Int8, -3)])
def test_a_type_without_a_header_has_no_stamp_and_padding_is_none_of_it(kind, value):
    reader, data = serialized(kind, paths_of('data')), serialize_message(kind(data=value))
    for end in (b'', b'\x07\x00\x01', b'', b'\x01\x02\x03', b'\x04\x05\x06'):
        stamp, values, _ = reader.read(data + end)
        assert stamp is None and list(values[0]) == [value]


def test_a_shape_that_reads_otherwise_than_the_message_is_not_used(monkeypatch):
    monkeypatch.setattr(cdr, 'LETTERS', {**LETTERS, 'double': 'q'})
    reader = serialized(Imu, paths_of('linear_acceleration/z'))
    message = Imu()
    message.linear_acceleration.z = 2.5
    for _ in range(4):
        assert list(reader.read(serialize_message(message))[1][0]) == [2.5]


def test_after_some_messages_without_a_shape_none_is_looked_for(monkeypatch):
    made = []
    monkeypatch.setattr(cdr, 'MAX_STEPS', 10)
    monkeypatch.setattr(cdr, 'Shape', lambda *arguments: (made.append(1), Shape(*arguments))[1])
    reader, data = serialized(LaserScan, paths_of('ranges')), serialize_message(scan(50))
    for _ in range(30):
        assert len(reader.read(data)[1][0]) == 50
    assert len(made) == cdr.MAX_TRIES


def joints(**position):
    return JointState(name=list(position), position=list(position.values()))


def test_elements_by_name_are_read_from_bytes_as_each_message_has_them(monkeypatch):
    paths = paths_of('position[gripper]', 'position[arm]')
    reader, plain = serialized(JointState, paths), Readings(paths, True)
    messages = [joints(arm=1.0, gripper=2.0), joints(gripper=3.0, arm=4.0), joints(wheel=5.0, lid=6.0)]
    for _ in range(3):
        for message in messages:
            data = serialize_message(message)
            for _ in range(3):
                same(reader.read(data), plain.read(message))
    with monkeypatch.context() as patch:  # from here on it goes by its shapes, and by nothing else
        patch.setattr(reader, '_decode', None)
        for message in messages:
            same(reader.read(serialize_message(message)), plain.read(message))


def test_an_entry_whose_number_is_looked_for_is_never_taken_from_a_place():
    of_status = diagnostic_msgs.msg.DiagnosticStatus
    paths = paths_of('status[name=b]/values[key=n]/value', 'status[name=b]/level', 'status[level=1]/level')
    reader = serialized(diagnostic_msgs.msg.DiagnosticArray, paths)
    plain = Readings(paths, True)

    def diagnostics(*names, value='1.5'):
        values = [diagnostic_msgs.msg.KeyValue(key='n', value=value)]
        status = [of_status(name=n, values=values, level=bytes([n == 'b'])) for n in names]
        return diagnostic_msgs.msg.DiagnosticArray(status=status)

    for message in [diagnostics('a', 'b'), diagnostics('b', 'a', value='2.5'), diagnostics('c', 'd')] * 3:
        for _ in range(2):
            same(reader.read(serialize_message(message)), plain.read(message))


@pytest.mark.parametrize('text', ['ranges', 'ranges[10:190]', 'ranges[0:200:2]'])
def test_long_lists_are_read_as_one_piece(text, monkeypatch):
    paths = paths_of(text, 'range_max')
    reader, plain = serialized(LaserScan, paths), Readings(paths, True)
    message = scan(200)
    data = serialize_message(message)
    for _ in range(2):
        same(reader.read(data), plain.read(message))
    monkeypatch.setattr(reader, '_decode', None)
    same(reader.read(data), plain.read(message))
    assert isinstance(reader.read(data)[1][0], np.ndarray)


def test_every_cut_of_a_message_is_refused():
    reader, data = serialized(Imu, paths_of('linear_acceleration/z')), serialize_message(Imu())
    for _ in range(3):
        reader.read(data)
    for end in range(len(data)):
        with pytest.raises(SampleError) as error:
            reader.read(data[:end])
        assert error.value.reason == 'unreadable'
    assert list(reader.read(data)[1][0]) == [0.0]


def test_bytes_that_were_changed_are_refused_or_read_as_the_middleware_reads_them(volume):
    count, generator = volume(3000, soak=100_000), np.random.default_rng(0)
    paths = paths_of('position[1]', 'effort', 'velocity[0:2]')
    plain, fates = Readings(paths, True), {'read': 0, 'refused': 0}
    whole = serialize_message(
        JointState(name=['left', 'right'], position=[1.0, 2.0], velocity=[3.0, 4.0], effort=[5.0, 6.0])
    )
    reader = serialized(JointState, paths)
    for _ in range(count):
        reader.read(whole)
        reader.read(whole)  # it goes by a shape now
        changed = bytearray(whole)
        for _ in range(generator.integers(1, 4)):
            changed[generator.integers(len(changed))] ^= 1 << int(generator.integers(8))
        data = bytes(changed)
        try:
            found = reader.read(data)
        except SampleError as error:
            assert error.reason == 'unreadable'
            fates['refused'] += 1
            continue
        expected = plain.read(deserialize_message(data, JointState))
        assert found[2].keys() == expected[2].keys()
        if not found[2]:
            same(found, expected)
        fates['read'] += 1
    assert min(fates.values()) > count // 20, fates
