-- One row a person. "document" is what the folder home keeps in a file, without what changes at every log-in, which stands beside it.
create sequence if not exists imagepic_version;

create table imagepic_account (
    phone    text primary key,
    document jsonb  not null,
    sessions jsonb,
    failures jsonb,
    version  bigint not null default nextval('imagepic_version')
);

create table imagepic_invite (
    hash    text primary key,
    uses    bigint not null,
    expires bigint not null
);

create table imagepic_key (
    name  text primary key,
    value text not null
);
