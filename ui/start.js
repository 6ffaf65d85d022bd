// The first page: only its header depends on who reads it.
import { sessionIfAny } from "./api.js";
import { showHeader } from "./shell.js";

showHeader(await sessionIfAny().catch(() => null));
