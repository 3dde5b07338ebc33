"""What customers say, and what APIs call it: a table from everyday English to the words of API descriptions.

Words that a product doesn't use cost nothing: the ranking weighs only those that its description has. So a line names
all that products call the thing, and no line is about one product. Phrases stand for an act ("kick bob out"), single
words for things ("ticket").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import Stemmer

#: One line each: what people say => what APIs call it : groups of the verb (wording.VERB_GROUPS), the closest first.
#: "|" parts phrases, "/" words that may stand in one place, "…" is up to four words or none; an indented line goes on
#: with the one before. @phone, @email, @url and @ip stand for values of that look.
_TABLE: Final = """
# --- who may do what
let … push/commit/write/contribute | may … push | can … push | write access => collaborator member permission access
    contributor : grant create
who may/can … push | who … allowed/permitted/able | who has access | who … work on => collaborator member permission
    user access : read
allow/let … in | let … see/open/use/edit/join/into | give … access | open … up for | able to see/use/open/edit =>
    access permission member role share grant invite : grant create
make … admin/administrator/owner/manager/moderator/editor | turn … into … admin => role admin permission membership
    mapping assign member owner : grant update create
boss | in charge of | run the show => admin owner manager role
take … rights/permission/access/role/admin away | strip … of | no longer … access/allowed/able | should not …
    access/see/use | must not … access/see/use => permission access role member revoke remove : revoke delete
kick/throw/toss/boot/chuck/get … out of | kick/throw … off | show … the door | fire/sack | left the company | leave us
    => member user membership kick remove participant : delete revoke
throw/kick/sign/log everybody/everyone … out | sign/log … out … everywhere | end … sessions | log … off => logout
    session all revoke sign : login delete revoke
sign/log … out | sign/log … off => logout session revoke : login delete revoke
no longer/part … part/member of/belong | not … in … team/group any | out of … group/team => group member membership
    user : delete revoke
never … contact/bother/write/call/message/disturb | keep … away | bar/banish/blacklist | shut … up => block ban mute
    restrict deny : lock disable create
shut/locked/lock out | wrong … often/times/tries/attempts | too many … tries/attempts => lock unlock brute force
    attack login failure attempt : unlock enable delete reset
let … in again | let … back in => unlock unblock login failure restore enable : unlock enable delete
nobody … write/answer/comment/reply/post | no more comments/answers/replies => lock conversation close disable : lock
    disable close
forgot/forgotten/lost … password/pin/login | forgot … get/log/sign in | new password | can't/cannot … log/sign/get in
    => reset password email credential recovery update : reset send update
second factor | two factor | authenticator app | one time password | phone code | otp/2fa/mfa => otp mfa factor
    credential authenticator totp two-factor
log/sign in with | single sign on | sso => identity provider sso oauth saml federation social login idp : create
sign/logged/signed … in … at the moment/now | where … signed/logged in | who is online | logged in right now
    | is … online/away/reachable/available => session login active presence : read
have an account | has an account | sign up | join us | new starter/hire/colleague/employee => user account member
    invite register
share … with => access permission member share grant : grant create
direct/directed/director | act/acted/acting | star/starred/starring | play/played … in => credit cast crew
best/highest rated | highest rating => top rated
notification/alert/ping => notification disturb dnd snooze mute alert
waiting/wait … decision/approval/answer | not … decided/answered => pending request open
which of us | who are we | who is in | who sits/belongs | belongs to | who is/are part => member user participant list
    : read
who … work/works | staff | workforce => member user employee collaborator : read
colleague/coworker/teammate/workmate/employee/person/people/guy/folk/human => user member person account contact
customer/client/buyer/shopper => customer client account contact
company/firm/business/enterprise => organization company account workspace tenant org
team/crew/squad/department => team group organization
password/passphrase => password credential secret
# --- work items
ticket/bug/defect/story/card/problem/todo/to-do/chore => issue ticket task bug card incident
put … on … plate/desk | give … to … to do | … take care of | in charge of | responsible | look after | hand … to =>
    assign assignee assignees owner transfer : grant create update
say/write/add/leave … under/below | write/say/answer … to … ticket/issue/post | leave a note | chime in | weigh in =>
    comment reply note message : create comment
waiting for me | wait for me | need … my attention | what's new | on my plate | my inbox | for me to look =>
    notification inbox assigned todo pending review mention : read
is it done | how far | how is it going | progress | still … running/going/busy => status state progress run : read
look … over | have a look at … code/change | second pair of eyes | check … code => review reviewer pull request
done with | tick … off | mark … done | is finished | we're finished => complete close finish resolve : close update
# --- money
owe | money … left | how much money | credit left | funds => balance amount due invoice account credit customer
pay/paid/spend/spent/cost/charge/charged | bill/bills => billing invoice payment charge history cost usage transaction
    price
give … money back | pay … back | money back | send … money back | take … back … order => refund reversal credit return
    : create
price | how much is | how expensive => price pricing plan cost product rate
discount/voucher/rebate | percent off | money off => coupon discount promotion promo code
basket/trolley => cart checkout
buy/purchase/get … shipped => order purchase checkout cart : create
parcel/package … arrive | where is … order/parcel/package | deliver/delivery => shipment tracking delivery order
    fulfillment shipping
monthly plan | membership fee | recurring => subscription plan
credit card | bank card => card payment method source
# --- time
remind | don't let … forget | let me know at | nudge | alarm clock => reminder alert notification add schedule :
    create
tomorrow | next week | later | at nine | at noon | tonight => schedule scheduled later
meeting/appointment | date with => event meeting calendar appointment booking
when am i free | when is … free | free time => availability free busy calendar slot : read
call off | won't happen => cancel delete : cancel delete
put … off | move … to … day | later date => reschedule update postpone : update
don't … disturb/disturbed/bother | leave me alone | peace and quiet | quiet/silence | not … disturbed/bothered =>
    snooze dnd disturb mute notification do : create enable start update disable
not at my desk | out of office | on holiday/vacation/leave | away from | i am out | be right back | at lunch =>
    presence status away profile absence vacation : update create
lately | recently | so far | the other day | went on | going on | happened | been up to | what did … do/say | who did
    => event log history audit activity message list : read
yesterday | last week | last month | in the past | back then => history log activity
# --- messages and people talking
tell/inform … everybody/everyone/all/team/them/colleagues | let … know | announce/shout/broadcast | drop … a line |
    write to | say hello/hi | pass … on => message post send chat notification email : send create
text … him/her/them | shoot … a message | ping => message sms send : send create
send … tomorrow/later/at | say … tomorrow/later => schedule scheduled message : create send
what did … say | what was said | what … talk/talked/chat | read … up on | catch up => history message conversation
    list thread : read
take back … wrote/said/sent | unsend | what i … wrote | i … just wrote/said/sent => message delete comment post :
    delete
correct/fix/mend/reword/rephrase … wrote/typo/mistake/wording/text/spelling | typo => message update edit text comment
    : update
thumbs up | thumb up | like … post | give … heart | clap/applaud/smile => reaction like emoji star vote add : create
    star
room/chat => channel conversation room group space
ring/phone … up | phone call | give … a call/ring => call phone voice participant : create
picture/photo/snapshot/selfie => image photo picture avatar media snapshot
face/portrait => photo avatar profile image
address … @ | whose address | whose mail/email | whose number | who has the address/number/email => user email lookup
    search find contact phone : read
pin … up | keep … at the top | stick … top => pin : create
spread the word => share post announcement : send
fan/follower/admirer | who likes | people like | like … repo/page/post | popular with => stargazer follower like
    subscriber watcher favorite reaction : read
keep … an eye on | stay in the loop | keep me posted => watch subscribe subscription follow alert monitor : star
    create
stop … mails/emails/newsletters/messages => unsubscribe subscription notification : unstar delete
# --- code and builds
repo/codebase/source => repository repo project
code … zip/archive/copy | download … code | all the code | copy of … code => archive zipball download tarball
    repository export contents : export read
what … written in | which language | programming language => language languages
build/builds/pipeline/ci => build workflow run job pipeline action actions deployment
kill/stop/halt/abort … build/job/run/pipeline/deployment/task => cancel run workflow job build stop : cancel stop
try … again | once more | do … over | start … over | give … another go/try => rerun retry restart run redeploy :
    restart start
go live | put … live | roll … out | ship … it | bring … out | push … to production => deploy deployment release
    publish : create start
undo … change/release/deployment | take back … change/release/deployment | go back to | as it was before => rollback
    revert restore undo version : reset
password … build/builds/pipeline | key … build/builds | secret/secrets => secret variable credential
hand … over | give … away to | pass … on to | new owner | change hands => transfer owner ownership assign : update
    create
my own copy | copy of | another one like => fork clone copy duplicate : copy create
bring … together | join … together | take … over into | accept … change/changes => merge combine : merge update
who wrote | who made | author => contributor author commit blame : read
# --- machines and networks
machine/computer/box/vm/server/host | virtual machine/server => server instance machine droplet host device virtual
    node compute vm
restart/reboot | power cycle | off and on again | turn … off and on => reboot restart power cycle action : restart
    update create start
turn/switch/power/boot … on | wake … up | fire/boot … up => power on boot start enable action : start enable create
turn/switch/power/shut … off/down | put … to sleep => power off shutdown stop disable action : stop disable create
more memory/ram/power/cpu/cores | bigger | larger | beefier | faster machine/server | scale up | too small | too slow
    => resize size scale upgrade memory plan action : update create
smaller | scale down => resize size scale downgrade : update create
disk/drive/hard/storage | disk space | more space | more room => volume storage disk block size
safety copy | safe copy | keep a copy | in case … goes wrong/breaks => backup snapshot export : create export
take/make … snapshot/backup | freeze a copy => snapshot backup image action : create
point … to | web address | site name | name server | hostname => record domain dns name : create update
city/country/location/continent/place | city/country/location/continent/place … run/live/stand | where …
    run/live/stand | data center => region location zone datacenter
spread … visitors/traffic/load/requests/work | share … load | balance … traffic/load => load balancer balancing
    forwarding : create
only let | only allow | close … port | shut out … except | open … port | keep … out | block traffic/visitors/port =>
    firewall rule inbound access security group allow policy : create update
hacker/intruder/attacker/attack => security attack threat firewall
traffic | web traffic | visitor/visitors => traffic http inbound visitor request view cdn
empty/flush/clear … cache | still see … old | out of date pages/pictures/images => cache purge invalidate clear cdn :
    delete
connect/hook/plug/attach … to/up | add … disk => attach connect link integration : grant create
how busy | how loaded | how is … doing | under pressure | slow => metric metrics usage monitoring cpu load status
    health : read
is … up/alive/running/working/down | up and running => status health uptime state check : read
wire/tell … url/endpoint/system when | call … back when | let … system know => webhook hook subscription callback :
    create
certificate/https/padlock | secure … site => certificate ssl tls
which version | how old is => version release : read
# --- things in general
throw/chuck/toss … away | get rid of | do away with | bin/scrap/ditch/dump/trash/nuke/zap/axe | don't need | no longer
    need | not needed … more => delete remove destroy : delete
i need/want/would like … new/another/more | need another | get me … new | set … up | put … up | spin … up | come up
    with | whip up => create add new : create
make … bigger/longer | change/turn … into => update : update
what do we have | what is there | which ones | what kinds | give me an overview | run through => list : read
how many/much | number of | head count => count number total statistics list : read
where is/are => location search find get : read
look … up | find … out | track … down | dig … up | hunt for => search find lookup get query : read
call … something else | give … another/different name | new name | name it => rename name update : update
switch … on | start … using | turn … on => enable activate : enable update
switch … off | stop … using | put … on hold | pause => disable deactivate suspend pause stop : disable stop update
bring … back | get … back | i deleted … by mistake/accident => restore undelete recover unarchive : reset unarchive
    create
put … away | shelve | out of sight | mothball => archive hide : archive update
keep/store … safe/secret | lock … away | remember/store/keep/save … called => secret store save credential variable :
    create update
tag/mark/flag … as | put … label/sticker => label tag mark add : create update
write/jot … down => note create add : create
put … together | group/bundle … together => group collection add create : create
fill in | sign … paper/contract => form signature document
paper/document/doc/pdf/attachment => file document attachment upload
send/put/stick … file/document/picture/photo … up/in/into/to => upload file attach : import create
show … others/everyone/world | make … visible | open to … public => public share publish visibility : update enable
    grant
hide … from | nobody … see | make … private | for our eyes => private visibility hide restrict : update disable
rule/rules | what may => rule policy setting
form of address | details about me | who am i | about myself => profile user me self account : read
language … page/texts | speak … language => locale localization language translation
watch/see … tonight | worth watching | good film/movie/show => recommendation popular top rated movie trending : read
film/flick => movie film
series/show/sitcom => tv series show
actor/actress | star in | who plays | cast => cast credit credits person : read
trailer/clip => video
food/meal/dish => recipe meal menu
flat/house/apartment => property listing home
warn/alert/tell/inform/notify … when/if/as/whenever/once | sound the alarm | keep … watch => alert alarm monitor
    monitoring notification policy trigger rule subscription : create
call/tell/inform/ping/notify … system/server/url/service/@url when/whenever/if/once | @url when/whenever | whenever …
    somebody/someone | every time => webhook hook subscription callback event endpoint : create
check/watch/test/see … whether/if … answer/up/work/alive/reachable/there/running | every minute => uptime check
    monitor health probe ping : create read
text/content/contents/words of | what does … say | what … stand in | read … file/page/document | what is in … file =>
    content contents file text raw body read download : read
use/used/used … up | consumption | how much … use/used | burned => usage billing consumption metric quota limit
    statistic : read
text/sms @phone | text … him/her/them/number | send … text => message sms send : send create
ring/phone/call/dial @phone | ring/phone … up | give … a ring => call phone voice : create start
@phone => phone number
@email => email user
@ip => ip address record
hang up | end … call/conversation => call end hangup update complete : stop update close delete
hear/listen | what was said in => recording audio voice transcript media : read
waiting/wait … line/queue | in the line => queue member waiting : read
run/start/kick … job/build/pipeline/workflow/script/task | run … now => run start trigger dispatch execute workflow
    job task : start create
soon | coming … soon/up | in the future => upcoming future scheduled next : read
now in … cinema/theatre/shop => now playing current : read
no longer want … mail/email/message/newsletter/news | stop … notifications => unsubscribe subscription notification
    unwatch : unstar delete
fixed … address/number/ip | number on the internet => reserved static floating elastic ip address : create
put … online | get … online | put … on the web => deploy app site publish deployment create : create start
sort/kind/type of … machine/server/room/product | what sorts | what kinds => size type plan flavor kind category :
    read
rent => plan size lease price create
think of | opinion/opinions | what do … say about => review rating comment feedback : read
something like | similar to | more like | alike => similar recommendation related : read
out of ten | stars out of | give … stars/points/mark => rating rate vote score review : create
who can/may … read/see/open/use => permission access collaborator member user role : read
approve/accept … change/request/pull => review approve merge approval : approve create
what changed | what did … change/do | who changed | changes => commit event history activity audit change diff log :
    read
holes/hole/weakness/weaknesses | hackable | can be hacked => vulnerability security alert advisory scan : read
newest/latest … version/release => latest release version : read
spare/twin/double of => snapshot backup copy clone image replica : create
build a/an/my/our/new/another | make a/an/my/our/me/us/new/another => create add new : create
undo | as if it never happened => revert rollback undo restore : reset
can go | may go | has to go | must go | forget everything/all => delete remove : delete
what may/can … do => permission role access scope mapping right : read
act as | pretend to be | in the name of => impersonate impersonation : start create
legally | by law | terms of use => license terms policy : read
at … desk/computer/place | is … there/around/online/available => presence status active online : read
ask/get … to look/check/review => request reviewer review : request create
speak/talk/chat with/to => open conversation message direct chat call : create
tell me everything/all | all about | who is => get details profile info : read
compare | differ/difference/differs => compare diff comparison : read
outsider/stranger/externals => outside external guest public
married | new last/family name | name changed => update profile name : update
visited/visit/visits | looked at … page/pages/site => traffic view visit analytics : read
my own … network | private network => vpc network private
what … own | do we have => list : read
app/program/software/tool => application app client
emoticon/smiley | little picture/pictures => emoji
older | before that | earlier => previous history version
second copy | read … only copy => replica copy
who did/does what => audit log activity event action history : read
let … go | part ways => remove delete unassign : delete revoke
move … over to | bring … over | take … along => move transfer migrate : update
side by side => compare
begin/kick off | get … going | get … started => start begin launch run create : start create
split/divide => split
swap/exchange => replace swap exchange : update
send … again | again send => resend retry redeliver : send
go through | one by one => list : read
in whose name | whose is | who owns => owner : read
proof/evidence => verification evidence
sure it is/works => verify validate check : verify
# --- further trades
song/tune/music => track song album playlist audio
band/singer/musician => artist
playlist/mixtape => playlist
louder/quieter => volume
skip => next skip
lend/borrow => loan checkout
book/reserve … room/table/seat/flight/hotel => booking reservation order : create
seat/table => seat table reservation
guest/attendee/participant/visitor => attendee guest participant invitee
room/hall => room space resource
doctor/patient => appointment patient practitioner encounter
stock | in stock | how many … left | run out => inventory stock level quantity : read
shelf/warehouse => inventory location warehouse
shop/store => store shop site
goods/article/item/merchandise => product item sku catalog
prospect/lead => lead contact opportunity
deal/sale => deal opportunity order
wages/salary | pay slip => payroll payslip compensation salary
holiday/vacation | day/days off | sick => leave absence time off request pto
boss/supervisor => manager owner supervisor
sprint/iteration => sprint iteration milestone
board/wall => board project dashboard
deadline/due => due date milestone deadline
big task => epic project milestone
chart/graph/figures/numbers/stats => report dashboard chart metric statistic analytics
ad/advert/commercial => ad campaign creative
newsletter/mailing => campaign newsletter list broadcast
mailing list | distribution list => list audience group
survey/poll/questionnaire => survey poll form question
answer/answers to … survey/poll/form => response submission answer : read
place/spot/address on … map | how do i get | way to => route direction geocode place location : read
weather | rain/sunny/cold => weather forecast : read
money to … bank | wire/transfer … money | cash out => payout transfer payment withdrawal : create send
dispute/chargeback/complain/complaint => dispute chargeback complaint ticket
receipt => receipt invoice
tax/vat => tax rate
bucket/drawer => bucket container folder
file/files … cloud => object file storage
folder/directory => folder directory path
link … share | link to => link url share permalink
wiki/notebook => page wiki document note
draft => draft
bin/trash … restore | from the bin => trash restore recover : reset
robot/bot/assistant => bot agent assistant app
on call/duty | who is on duty => on-call oncall schedule rotation shift : read
outage/down/breakdown/emergency => incident outage status
wake/page … engineer/team/somebody => incident page notify alert : create send
acknowledge | i'm on it => acknowledge update incident : update approve
plugin/add-on/extension => plugin addon extension integration app
phone/mobile/handset => device phone
lamp/light/heating => device light thermostat state
door/gate => lock door device
car/van/truck => vehicle
driver => driver
container/pod => container pod
cluster => cluster kubernetes
variable/setting … environment => variable environment config
feature … on/off | flag => feature flag toggle
experiment/trial => experiment test
timezone/clock => time zone timezone
currency/euro/dollar => currency exchange rate
exchange rate => rate exchange currency : read
key … laptop/computer/login | my key => key ssh public credential : create
access key | key for … program/api/script => token key api credential access personal : create
guess/predict => prediction forecast inference
train/teach => training fine model job
class/course/lesson => course class lesson
pupil/student => student learner user
mark/grade => grade score
homework => assignment submission coursework
"""

#: What the stemmer leaves apart: to one form.
_FORMS: Final = {
    form: word
    for word, forms in {
        "write": "wrote written",
        "say": "said",
        "tell": "told",
        "throw": "threw thrown",
        "forget": "forgot forgotten",
        "pay": "paid",
        "spend": "spent",
        "go": "went gone goes",
        "do": "did done does",
        "send": "sent",
        "keep": "kept",
        "give": "gave given",
        "take": "took taken",
        "make": "made",
        "get": "got gotten",
        "leave": "left",
        "lose": "lost",
        "speak": "spoke spoken",
        "buy": "bought",
        "hide": "hidden hid",
        "sit": "sat",
        "i": "i'm i've i'd",
        "not": "don't doesn't can't cannot won't shouldn't mustn't isn't aren't never",
        "person": "people persons",
        "everybody": "everyone",
        "nobody": "noone",
        "city": "cities",
    }.items()
    for form in forms.split()
}
#: Words that a "…" stands for.
_GAP: Final = 4

_stemmer: Final = Stemmer.Stemmer("english", 0)


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without what makes it one noun, verb or plural of a family: reminders, remind -> remind."""
    return word if word.startswith("@") else str(_stemmer.stemWord(_FORMS.get(word, word)))


#: Values that tell by their look what they are, as the table names them.
_SHAPES: Final = re.compile(
    r"(?P<phone>\+\d[\d-]{6,}\d|\d{3}-\d{3,4}-\d{4})|(?P<email>[^@\s]+@[^@\s]+\.\w+)|(?P<url>https?:.*)|(?P<ip>\d{1,3}(?:\.\d{1,3}){3})"
)


def shape(word: str) -> str:
    """@phone, @email, @url or @ip for a value that looks like one, "" for other words."""
    found = _SHAPES.fullmatch(word)
    return f"@{found.lastgroup}" if found else ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table."""

    #: stems of what APIs call it
    terms: tuple[str, ...]
    #: groups of the verb, see wording.VERB_GROUPS; () where it says nothing of an act
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a part of a request says."""

    entry: Entry
    #: index of the phrase's first word
    start: int
    #: exclusive index after its last
    end: int
    #: words of the phrase, those in its gaps left out
    length: int


#: A phrase as sets of stems, one for each place; None for a gap.
_Pattern = tuple[frozenset[str] | None, ...]


def _patterns(said: str) -> Iterator[_Pattern]:
    for phrase in said.split("|"):
        found = [None if word == "…" else frozenset(stem(part) for part in word.split("/")) for word in phrase.split()]
        while found and found[0] is None:
            found = found[1:]
        if found:
            yield tuple(found)


def table_lines() -> list[str]:
    """The lines of the table."""
    whole = _TABLE.replace("\n    ", " ").splitlines()
    return [line for line in whole if line and not line.startswith("#")]


@functools.cache
def _table() -> dict[str, list[tuple[_Pattern, Entry]]]:
    """The phrases by each stem that they can begin with."""
    found: dict[str, list[tuple[_Pattern, Entry]]] = {}
    for line in table_lines():
        said, _, meant = line.partition(" => ")
        words, _, groups = meant.partition(" : ")
        terms = (stem(part) for word in words.split() for part in word.split("-"))
        entry = Entry(tuple(dict.fromkeys(terms)), tuple(groups.split()))
        for pattern in _patterns(said):
            for first in pattern[0] or ():
                found.setdefault(first, []).append((pattern, entry))
    return found


def meanings(stems: Sequence[str]) -> list[Said]:
    """What the words of a request, as stems, say in the language of APIs."""
    table = _table()
    found = []
    for start, word in enumerate(stems):
        for pattern, entry in table.get(word, ()):
            end = _matched(pattern, stems, start)
            if end:
                found.append(Said(entry, start, end, sum(place is not None for place in pattern)))
    return found


def _matched(pattern: _Pattern, stems: Sequence[str], start: int) -> int:
    """The index after the phrase that begins there, 0 when it doesn't."""
    at, gap = start, False
    for place in pattern:
        if place is None:
            gap = True
            continue
        last = min(len(stems), at + (_GAP if gap else 0) + 1)
        at = next((index + 1 for index in range(at, last) if stems[index] in place), 0)
        if not at:
            return 0
        gap = False
    return at
