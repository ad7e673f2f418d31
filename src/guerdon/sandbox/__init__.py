"""Running programs that nobody has read: model-written code under limits, isolated as far as the machine allows."""

from guerdon.sandbox.isolation import Isolation as Isolation
from guerdon.sandbox.isolation import isolation as isolation
from guerdon.sandbox.sandbox import Finished as Finished
from guerdon.sandbox.sandbox import Limits as Limits
from guerdon.sandbox.sandbox import Sandbox as Sandbox
