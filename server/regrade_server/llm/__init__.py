"""Language models, by litellm."""

from regrade_server.llm.provider import LanguageModels

__all__ = ["LanguageModels"]
