"""Structs that pydantic can describe and read: one class is the value and its schema."""

from functools import cache, reduce
from operator import or_
from typing import Any, get_args, get_type_hints

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import FieldInfo, fields
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function


class Described(Struct, frozen=True):
    """A light struct that can stand wherever pydantic, FastAPI or FastStream take a model.

    Pydantic reads and documents it by its annotations, as a model with the same fields would be,
    and gives the struct. What msgspec itself reads is checked by its ``Meta`` alone.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler.generate_schema(_model_of(cls))
        return no_info_after_validator_function(lambda model: cls(**vars(model)), schema)


@cache
def _model_of(struct: type[Struct]) -> type[BaseModel]:
    hints = get_type_hints(struct, include_extras=True)
    declared: dict[str, Any] = {
        field.name: (_without_unset(hints[field.name]), _default(field)) for field in fields(struct)
    }
    return create_model(
        struct.__name__, __doc__=struct.__doc__, __config__=ConfigDict(extra="ignore"), **declared
    )


def _without_unset(hint: Any) -> Any:  # noqa: ANN401 - as get_type_hints
    """Leave out that a field may be absent, for which JSON has no value."""
    if UnsetType not in get_args(hint):
        return hint
    return reduce(or_, (kind for kind in get_args(hint) if kind is not UnsetType))


def _default(field: FieldInfo) -> object:
    if field.required:
        return ...
    return None if field.default is UNSET else field.default
