// A handler's file needs one import: the logger's methods come with it.
@_exported public import Logging
