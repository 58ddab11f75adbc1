# SPDX-License-Identifier: Apache-2.0
"""Files of rosbag2's SQLite storage, whole or damaged, by the standard library."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from ..core.errors import StorageError
from .parts import Channel, Content, Message, unpacked


class SqliteFile:
    """One file; `content` is what it holds. Raises StorageError where it is none of rosbag2."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = Content()
        self._topics: dict[int, str] = {}
        self._read = 0
        self._problem = ''
        try:
            with closing(self._open()) as database:
                self._look(database)
        except sqlite3.Error as error:
            if 'malformed' in str(error):
                raise StorageError(
                    f'{path} is cut or damaged ({error}): nothing of it can be used; '
                    f'`sqlite3 {path.name} .recover` saves what there is'
                ) from error
            raise StorageError(f'{path} is no SQLite file of rosbag2: {error}') from error

    @property
    def damage(self) -> str:
        """A sentence where the file is damaged, as far as it was read; '' where it is whole."""
        if not self._problem:
            return ''
        return (
            f'{self.path} is damaged ({self._problem}): {self._read:,} messages read; '
            f'`sqlite3 {self.path.name} .recover` saves what there is'
        )

    def messages(self, topics: Collection[str]) -> Iterator[Message]:
        """Yield the messages of some topics by time, to the damage if there is one."""
        wanted = [number for number, topic in self._topics.items() if topic in topics]
        marks = ','.join('?' * len(wanted))
        query = (
            'SELECT topic_id, timestamp, data FROM messages '
            f'WHERE topic_id IN ({marks}) ORDER BY timestamp, id'
        )
        try:
            with closing(self._open()) as database:
                for number, time_ns, data in database.execute(query, wanted):
                    self._read += 1
                    yield Message(time_ns, self._topics[number], unpacked(data))
        except sqlite3.Error as error:
            self._problem = str(error)

    def _open(self) -> sqlite3.Connection:
        # a file of which the log lies beside it was never closed: what the log holds is read as well
        mode = 'mode=ro' if self.path.with_name(f'{self.path.name}-wal').exists() else 'immutable=1'
        return sqlite3.connect(f'file:{quote(str(self.path))}?{mode}', uri=True)

    def _look(self, database: sqlite3.Connection) -> None:
        definitions = {}
        try:
            query = 'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
            definitions = {kind: (encoding, text) for kind, encoding, text in database.execute(query)}
        except sqlite3.Error:  # recorded before Iron
            pass
        query = 'SELECT id, name, type FROM topics WHERE serialization_format = "cdr"'
        for number, topic, kind in database.execute(query):
            self._topics[number] = topic
            self.content.channels.append(Channel(topic, kind, *definitions.get(kind, ())))
        query = 'SELECT topic_id, count(*), min(timestamp), max(timestamp) FROM messages GROUP BY topic_id'
        for number, count, start_ns, end_ns in database.execute(query):
            if number in self._topics:
                self.content.counts[self._topics[number]] = count
                self.content.saw(start_ns)
                self.content.saw(end_ns)
