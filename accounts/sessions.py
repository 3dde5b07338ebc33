"""Keys of the session."""

#: id of the tenant that the user works in
TENANT = "tenant"
#: id of the StaffAccess row under which a staff user is in that tenant
STAFF_ACCESS = "staff_access"
#: digest of the invitation that the person has opened, and the id of its tenant
INVITATION = "invitation"
