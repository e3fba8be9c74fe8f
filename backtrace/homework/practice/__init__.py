"""Practice: a trace asked for number by number, and each answer judged at once.

asks     what is asked, and in which order
quiz     the answers so far, the verdict on the next, what a drawing shows by now
hints    in three degrees, and the arithmetic with its result
summary  what was right at once, which slips were made, what to practise next
"""

from __future__ import annotations

from backtrace.homework.practice.asks import Ask
from backtrace.homework.practice.quiz import Judged, Quiz, Turn
from backtrace.homework.practice.summary import as_object, summary

__all__ = ["Ask", "Judged", "Quiz", "Turn", "as_object", "summary"]
