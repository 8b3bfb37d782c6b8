"""Texts for people, with a stable code for programs.

Errors, reasons of the report and notes are `Message`s. A new version may change the text of a
message, but not its code. `docs/errors.md` lists every code.
"""

from __future__ import annotations


class Message(str):
    """A text with a stable code, used wherever a string is expected.

    Attributes:
        code: code in kebab-case, such as "batch-out-of-range"; unique within jpegcompile.
    """

    code: str

    def __new__(cls, code: str, text: str) -> Message:
        """Create a message.

        Args:
            code: a literal; or the `code` of the message or error that `text` contains.
            text: one line that says what happened, where, and what to do.
        """
        message = super().__new__(cls, text)
        message.code = code
        return message

    @classmethod
    def stored(cls, code: str, text: str) -> str:
        """Return a message that was read from a file; plain text if it was written without a code.

        Args:
            code: code of the message; empty for plain text.
            text: text of the message.
        """
        return cls(code, text) if code else text

    def __reduce__(self) -> tuple[type[Message], tuple[str, str]]:
        """Return the class and arguments with which copy and pickle create the message again."""
        return Message, (self.code, str(self))


def code_of(text: str) -> str:
    """Return the code of a message, or an empty string for plain text."""
    return text.code if isinstance(text, Message) else ""
