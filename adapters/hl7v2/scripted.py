"""A made-up EMR that speaks HL7: takes requests, answers enquiries, tells what changes, and can be told to misbehave.

Rule: it refuses nothing and locks nothing by itself, like the real ones; what it holds is judged, not what it says.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from adapters.er7 import Message, Segment, scan
from adapters.er7.times import stamp
from adapters.hl7v2.mllp import Framer, frame

Tell = Callable[[bytes], object]
"""Where its notices go."""


@dataclass(frozen=True, slots=True)
class Row:
    """One appointment. `ours`: made by a request; `status`: a word of SCH-25."""

    filler: str
    placer: str
    who: str
    start: datetime
    end: datetime
    ours: bool
    status: str = "Booked"
    text: str = ""


@dataclass(slots=True)
class Manners:
    """How it behaves. `keeps`: our number; `tells`: notices of what was requested; `answers`: at all.

    `refuses`: a word for every request, "" = none; `late`: the answer to somebody else's message comes first.
    Of schedule queries: `page`: appointments an answer holds, 0 = all; `half`: the rest of the pages never comes,
    though it said how many there are; `other`: the answer names another query.
    """

    keeps: bool = True
    tells: bool = True
    answers: bool = True
    refuses: str = ""
    late: bool = False
    status: str = "Booked"
    page: int = 0
    half: bool = False
    other: bool = False


class ScriptedEmr:
    """The EMR and its port. Its clock begins at `now` and goes on by a second a message."""

    def __init__(self, now: datetime, zone: ZoneInfo, tell: Tell) -> None:
        """Listen on loopback."""
        self.rows: dict[str, Row] = {}
        self.manners = Manners()
        self.tell = tell
        self.heard: list[Message] = []
        self._now, self._zone = now, zone
        self._numbers, self._messages = count(1), count(1)
        self._lock = threading.RLock()
        self._done = threading.Condition(self._lock)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, name="scripted-emr", daemon=True).start()

    def close(self) -> None:
        """Stop; connections end."""
        for sock in (self._server, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def obeyed(self, messages: int) -> None:
        """Wait until it has done what that many messages asked; RuntimeError after a minute."""
        with self._done:
            if not self._done.wait_for(lambda: len(self.heard) >= messages, 60):
                raise RuntimeError("the EMR heard nothing")

    # ---- its screens

    def book(self, who: str, start: datetime, minutes: int) -> str:
        """Book without looking, as the desk; return its number."""
        row = Row(f"RV{next(self._numbers)}", "", who, start, start + timedelta(minutes=minutes), ours=False)
        self.put(row, "S12")
        return row.filler

    def change(self, filler: str, event: str, **words: object) -> None:
        """Change a row by the screen and tell it by `event`."""
        self.put(replace(self.rows[filler], **words), event)  # type: ignore[arg-type]

    def put(self, row: Row, event: str) -> None:
        """Keep a row and tell what happened."""
        with self._lock:
            self.rows[row.filler] = row
            if self.manners.tells or not row.ours:
                self.tell(self._message(f"SIU^{event}^SIU_S12", *self._lines(row)))

    # ---- its interface

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self._open.append(sock)
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        framer = Framer()
        with suppress(OSError), sock:
            while data := sock.recv(65536):
                for body in framer.feed(data):
                    reply = self._answer(scan(body))
                    if self.manners.late:
                        sock.sendall(frame(self._message("SRR^S01^SRR_S01", "MSA|AA|SOMEBODY-ELSES")))
                    if self.manners.answers:
                        sock.sendall(frame(reply))

    def _answer(self, asked: Message) -> bytes:
        with self._done:
            self.heard.append(asked)
            self._done.notify_all()
            number, event = asked.msh.text(10), asked.msh.text(9, 2)
            if asked.msh.text(9) == "SQM" and (qrd := asked.first("QRD")) and "SBK" in qrd.raw(9):
                return self._agenda(asked, qrd)
            if asked.msh.text(9) == "SQM":
                found = [line for row in self._found(asked) for line in self._lines(row)]
                return self._message("SQR^S25^SQR_S25", f"MSA|AA|{number}", f"QAK|{number}|OK", *found)
            if self.manners.refuses:
                err = "ERR|||207|E"
                return self._message(f"SRR^{event}^SRR_S01", f"MSA|{self.manners.refuses}|{number}", err)
            row = {"S01": self._new, "S02": self._move, "S04": self._cancel}[event](asked)
            if row is None:
                return self._message(f"SRR^{event}^SRR_S01", f"MSA|AR|{number}", "ERR|||204|E")
            return self._message(f"SRR^{event}^SRR_S01", f"MSA|AA|{number}", *self._lines(row))

    def _agenda(self, asked: Message, qrd: Segment) -> bytes:
        """Answer a schedule query: what stands of one resource in the window, page after page."""
        manners, number, tag = self.manners, asked.msh.text(10), "SOMEBODYS" if self.manners.other else qrd.text(4)
        if manners.refuses:
            return self._message("SQR^S25^SQR_S25", f"MSA|{manners.refuses}|{number}", "ERR|||207|E", f"QAK|{tag}|AE")
        qrf, dsc = asked.first("QRF"), asked.first("DSC")
        start, end = (stamp(qrf.text(field), self._zone, "QRF").at for field in (2, 3)) if qrf else (self._now,) * 2
        rows = [
            row
            for row in self.rows.values()
            if row.who == qrd.text(8) and row.status != "Cancelled" and start <= row.start < end
        ]
        first = int(dsc.text(1)) if dsc is not None else 0
        last = min(len(rows), first + manners.page) if manners.page else len(rows)
        lines = [line for row in rows[first:last] for line in self._lines(row)]
        more = [f"DSC|{last}|I"] if last < len(rows) and not manners.half else []
        qak = f"QAK|{tag}|{'OK' if lines else 'NF'}||{len(rows)}|{last - first}|{len(rows) - last}"
        return self._message("SQR^S25^SQR_S25", f"MSA|AA|{number}", qak, "|".join(qrd.fields), *lines, *more)

    def _new(self, asked: Message) -> Row:
        arq, aip, pid = asked.first("ARQ"), asked.first("AIP"), asked.first("PID")
        if arq is None or aip is None:
            raise ValueError("ARQ")
        placer = f"{arq.text(1)}^{arq.text(1, 2)}" if self.manners.keeps else ""
        for row in self._found(asked):
            if row.status != "Cancelled" and self.manners.keeps:
                return row
        start, end = (stamp(arq.text(11, part), self._zone, "ARQ-11").at for part in (1, 2))
        text = pid.raw(5) if pid is not None else ""
        number = f"RV{next(self._numbers)}"
        row = Row(number, placer, aip.text(3), start, end, ours=True, status=self.manners.status, text=text)
        self.put(row, "S12")
        return row

    def _move(self, asked: Message) -> Row | None:
        arq, aip = asked.first("ARQ"), asked.first("AIP")
        row = next((each for each in self._found(asked) if each.status != "Cancelled"), None)
        if row is None or arq is None or aip is None:
            return None
        start, end = (stamp(arq.text(11, part), self._zone, "ARQ-11").at for part in (1, 2))
        self.put(replace(row, who=aip.text(3), start=start, end=end), "S13")
        return self.rows[row.filler]

    def _cancel(self, asked: Message) -> Row | None:
        row = next((each for each in self._found(asked) if each.status != "Cancelled"), None)
        if row is not None:
            self.put(replace(row, status="Cancelled"), "S15")
            return self.rows[row.filler]
        return None

    def _found(self, asked: Message) -> list[Row]:
        """Return the rows a request means: by the EMR's number, else by ours where it is kept."""
        arq = asked.first("ARQ")
        if arq is None:
            return []
        mine, theirs = arq.text(1), arq.text(2)
        return [
            row
            for row in self.rows.values()
            if (theirs and row.filler == theirs) or (not theirs and mine and row.placer.partition("^")[0] == mine)
        ]

    def _lines(self, row: Row) -> list[str]:
        times = "^".join(at.astimezone(self._zone).strftime("%Y%m%d%H%M%S") for at in (row.start, row.end))
        return [
            f"SCH|{row.placer}|{row.filler}|||||||||^^^{times}||||||||||||||{row.status}",
            "RGS|1|A",
            f"AIP|1|A|{row.who}",
        ]

    def _message(self, kind: str, *lines: str) -> bytes:
        number = next(self._messages)
        at = (self._now + timedelta(seconds=number)).astimezone(self._zone).strftime("%Y%m%d%H%M%S%z")
        msh = f"MSH|^~\\&|DME|CLINIQUE|CRENEAU|CLINIQUE|{at}||{kind}|D{number}|P|2.5.1"
        return ("\r".join((msh, *lines)) + "\r").encode()
