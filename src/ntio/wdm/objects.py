"""Names, handles, references, files by name, and security."""

from __future__ import annotations

from ..io_manager import attach as _attach
from ..io_manager.manager import IoManager as _IoManager
from ..object_manager import directories as _directories
from ..object_manager import events as _events
from ..object_manager import links as _links
from ..object_manager import manager as _manager
from ..object_manager import object_security as _object_security
from ..object_manager import opening as _opening
from ..object_manager.handles import HandleTable as _HandleTable
from ..object_manager.namespace import Namespace as _Namespace
from ..security import access_check as _access_check
from ..security import access_mask as _access_mask
from ..security import assign as _assign
from ..security import descriptor as _descriptor
from . import forms as _f
from . import object_calls as _a
from . import security_calls as _s

IoCreateSymbolicLink = _f.status_of(_f.once_in_a_system(lambda io: io.namespace, _Namespace.link))
IoDeleteSymbolicLink = _f.status_of(_f.once_in_a_system(lambda io: io.namespace, _Namespace.remove))
IoGetDeviceObjectPointer = _a.device_object_pointer
IoAttachDevice = _f.status_and_value(_attach.attach_device)
IoCreateNotificationEvent = _f.or_none(_f.of_objects(_events.create_notification_event))
IoCreateSynchronizationEvent = _f.or_none(_f.of_objects(_events.create_synchronization_event))

ObReferenceObject = ObfReferenceObject = _f.of_objects(_manager.ObjectManager.reference)
ObDereferenceObject = ObfDereferenceObject = _f.of_objects(_manager.ObjectManager.dereference)
ObReferenceObjectByHandle = _f.status_and_value(_f.of_objects(_manager.ObjectManager.reference_by_handle))
ObReferenceObjectByPointer = _f.status_of(_f.of_objects(_a.reference_object_by_pointer))
ObReferenceObjectByName = _f.status_and_value(_f.of_objects(_a.reference_object_by_name))
ObOpenObjectByPointer = _f.status_and_value(_f.of_objects(_a.open_object_by_pointer))
ObCloseHandle = _f.status_of(_f.of_objects(_manager.ObjectManager.close))
ObMakeTemporaryObject = _f.of_objects(_manager.ObjectManager.make_temporary)
ObQueryNameString = _f.of_objects(_a.query_name_string)
ObGetObjectType = _f.of_objects(_manager.ObjectManager.type_of)
ObCreateObjectType = _f.status_and_value(_f.of_objects(_manager.ObjectManager.create_type))
ObCreateObject = _f.status_and_value(_f.of_objects(_opening.create_object))
ObInsertObject = _f.status_and_value(_f.of_objects(_opening.insert_object))
ObCheckObjectAccess = _f.status_and_value(_f.of_objects(_manager.ObjectManager.check_access))

InitializeObjectAttributes = _a.initialize_object_attributes
ZwCreateFile = _a.create_new_file
ZwOpenFile = _a.open_file
ZwClose = NtClose = _f.status_of(_f.once_in_a_system(lambda io: io.handles, _HandleTable.close))
ZwDuplicateObject = _f.status_and_value(_f.once_in_a_system(lambda io: io.handles, _HandleTable.duplicate))
ZwCreateDirectoryObject = _f.status_and_value(_f.of_objects(_directories.create_directory))
ZwOpenDirectoryObject = _f.status_and_value(_f.of_objects(_directories.open_directory))
ZwQueryDirectoryObject = _f.status_and_value(_f.of_objects(_directories.query_directory))
ZwCreateSymbolicLinkObject = _f.status_and_value(_f.of_objects(_links.create_link))
ZwOpenSymbolicLinkObject = _f.status_and_value(_f.of_objects(_links.open_link))
ZwQuerySymbolicLinkObject = _f.status_and_value(_f.of_objects(_links.query_link))
ZwCreateEvent = _f.status_and_value(_f.of_objects(_events.create_event))
ZwOpenEvent = _f.status_and_value(_f.of_objects(_events.open_event))
ZwMakePermanentObject = _f.status_of(_f.of_objects(_manager.ObjectManager.make_permanent))
ZwQuerySecurityObject = _f.status_and_value(_f.of_objects(_object_security.query_security))
ZwSetSecurityObject = _f.status_of(_f.of_objects(_object_security.set_security))

SeCaptureSubjectContext = _f.once_in_a_system(lambda io: io, _IoManager.subject)
SeAccessCheck = _access_check.access_check
SeAssignSecurity = _f.status_and_value(_assign.assign_security)
RtlMapGenericMask = _f.method(_access_mask.GenericMapping.map)

RtlCreateAcl = _s.create_acl
RtlAddAccessAllowedAce = _s.add_access_allowed
RtlAddAccessDeniedAce = _s.add_access_denied
RtlCreateSecurityDescriptor = _s.create_descriptor
RtlSetOwnerSecurityDescriptor = _s.set_owner
RtlSetGroupSecurityDescriptor = _s.set_group
RtlSetDaclSecurityDescriptor = _s.set_dacl
RtlGetOwnerSecurityDescriptor = _s.get_owner
RtlGetGroupSecurityDescriptor = _s.get_group
RtlGetDaclSecurityDescriptor = _s.get_dacl
RtlLengthSecurityDescriptor = _s.length_of
RtlMakeSelfRelativeSD = _f.method(_descriptor.SecurityDescriptor.to_bytes)
