# SPDX-License-Identifier: Apache-2.0
"""Bytes that were changed on their way: refused by a reason, or read as they then are, by a slow reader."""

from __future__ import annotations

import array
import math
import struct
import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    from rclpy.serialization import deserialize_message, serialize_message
    from sensor_msgs.msg import PointCloud2, PointField
    from std_msgs.msg import Float64MultiArray, MultiArrayDimension

    serialize_message(Float64MultiArray())  # what this loads warns

from binclf_ros.core.clouds.reader import CloudReader
from binclf_ros.core.errors import SampleError
from binclf_ros.ros.cloud_bytes import SerializedClouds
from binclf_ros.ros.cloud_writer import CloudWriter
from binclf_ros.ros.messages import SerializedFeatures

LETTERS = {1: 'b', 2: 'B', 3: 'h', 4: 'H', 5: 'i', 6: 'I', 7: 'f', 8: 'd'}


def mutations(data, count, seed):
    """Yield so many changed copies: bytes replaced, bits flipped, pieces cut out, put in or repeated."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(generator.integers(1, 4)):
            at, kind = int(generator.integers(len(changed) + 1)), generator.integers(5)
            end = min(len(changed), at + int(generator.integers(1, 9)))
            if kind == 0:
                changed[at:end] = generator.bytes(end - at)
            elif kind == 1 and at < len(changed):
                changed[at] ^= 1 << int(generator.integers(8))
            elif kind == 2:
                del changed[at:end]
            elif kind == 3:
                changed[at:at] = generator.bytes(4)
            else:
                changed[at:end] = changed[: end - at]
        yield bytes(changed)


def read_slowly(data):
    """Return the numbers of a little-endian vector, by the rules of CDR alone; None for what is none."""
    try:
        at = 4
        (dims,) = struct.unpack_from('<I', data, at)
        at += 4
        for _ in range(dims):
            (length,) = struct.unpack_from('<I', data, at)
            at += 4 + length
            at += -at % 4 + 8
            if at > len(data):
                return None
        offset, count = struct.unpack_from('<II', data, at)
        at += 8
        at += -(at - 4) % 8 if count else 0
        return list(struct.unpack_from(f'<{count}d', data, at))[offset:]
    except struct.error:
        return None


def test_mutated_vectors(volume):
    count = volume(3000, soak=100_000)
    message = Float64MultiArray(data=array.array('d', [1.5, -2.0, 1e9]))
    message.layout.dim = [MultiArrayDimension(label='a,b,std(/c, 1.0)', size=3)]
    whole = serialize_message(message)
    reader, fates = SerializedFeatures(), {'read': 0, 'refused': 0}
    for data in mutations(whole, count, seed=0):
        reader.read(whole)  # so that what comes next is held against a layout that was seen
        try:
            with np.errstate(over='ignore', invalid='ignore'):
                names, x = reader.read(data)
        except SampleError:
            fates['refused'] += 1
            continue
        fates['read'] += 1
        assert len(names) == len(set(names)) == len(x)
        assert np.isfinite(x).all()
        if data[:2] == b'\x00\x01':  # little-endian, of the version of CDR that this reader knows
            assert read_slowly(data) == x.tolist()
    assert min(fates.values()) > count // 20, fates


def values_of(cloud, name):
    """Return the values of a field, one at a time; None where the cloud is not what it says."""
    (field,) = [each for each in cloud.fields if each.name == name]
    order = '>' if cloud.is_bigendian else '<'
    row_step, packed = cloud.row_step, cloud.width * cloud.point_step
    if row_step < packed or row_step * cloud.height != len(cloud.data):
        row_step = packed  # it was not up to date
    return [
        float(
            struct.unpack_from(
                order + LETTERS[field.datatype],
                cloud.data,
                row * row_step + column * cloud.point_step + field.offset,
            )[0]
        )
        for row in range(cloud.height)
        for column in range(cloud.width)
    ]


def test_mutated_clouds(volume):
    count = volume(3000, soak=100_000)
    points = np.random.default_rng(0).normal(size=(6, 3)).astype('<f4')
    cloud = PointCloud2(height=2, width=3, point_step=12, row_step=36, is_dense=True)
    cloud.fields = [PointField(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate('xyz')]
    cloud.data = array.array('B', points.tobytes())
    whole = serialize_message(cloud)
    clouds, reader, writer = SerializedClouds(), CloudReader(), CloudWriter()
    fates = {'no message': 0, 'read': 0, 'refused': 0}
    for data in mutations(whole, count, seed=1):
        clouds.read(whole)  # so that what comes next is held against a layout that was seen
        try:
            found = clouds.read(data)
        except SampleError as error:
            assert error.reason == 'unreadable'
            fates['no message'] += 1
            continue
        message = deserialize_message(data, PointCloud2)
        try:
            read = reader.read(found)
            answered = writer.write(found, np.full(len(read.X), 0.5), 0.5)
        except SampleError:
            fates['refused'] += 1
            continue
        fates['read'] += 1
        assert bytes(found.data) == message.data.tobytes()
        again = deserialize_message(answered, PointCloud2)
        assert len(again.data) == (message.point_step + 5) * message.width * message.height
        assert again.header == message.header
        for i, name in enumerate(read.names):
            for x, value, usable in zip(read.X[:, i], values_of(message, name), read.usable):
                assert x == value or (math.isnan(x) and math.isnan(value) and not usable)
    assert min(fates['read'], fates['refused']) > count // 20, fates
