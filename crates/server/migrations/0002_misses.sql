-- Failed log-ins with numbers nobody has, so that all replicas answer them as those of people: under a hash of number and address.
create table imagepic_miss (
    key   text primary key,
    count bigint not null,
    last  bigint not null
);

create index imagepic_miss_last on imagepic_miss (last);
