// A plain Node service of the routes that the bench calls, written the way such services commonly are: express, multer in memory,
// the minio client, jsonwebtoken. It stands for what the team server replaces; nothing is slowed down or left out on purpose.
import express from "express";
import jwt from "jsonwebtoken";
import { Client } from "minio";
import multer from "multer";

const { PORT, S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, JWT_SECRET } = process.env;
const endpoint = new URL(S3_ENDPOINT);
const store = new Client({
  endPoint: endpoint.hostname,
  port: Number(endpoint.port),
  useSSL: endpoint.protocol === "https:",
  accessKey: S3_ACCESS_KEY,
  secretKey: S3_SECRET_KEY,
  region: "us-east-1",
});

const accounts = new Map();
const good = (res, data) => res.json({ code: "0", data, msg: "成功", success: true });
const bad = (res, data, msg = "失败") => res.json({ code: "-1", data, msg, success: false });

const signedIn = (req, res, next) => {
  jwt.verify(req.headers.authorization, JWT_SECRET, (error, person) => {
    if (error) return bad(res, error, "未满足权限");
    const account = accounts.get(person.phone);
    if (!account) return bad(res, "登录用户未找到", "未满足权限");
    if (account.upwd !== person.upwd) return bad(res, "登录密码不正确", "未满足权限");
    next();
  });
};

const app = express();
app.use(express.json());
app.use(express.urlencoded({ extended: false }));

app.post("/imagepic/auth/register", (req, res) => {
  const { phone } = req.body;
  if (accounts.has(phone)) return bad(res, { err: "已注册" });
  accounts.set(phone, req.body);
  good(res, {});
});

app.post("/imagepic/auth/login", (req, res) => {
  const { phone, upwd } = req.body;
  if (accounts.get(phone)?.upwd !== upwd) return bad(res, { err: "密码不正确" });
  good(res, { token: jwt.sign({ phone, upwd }, JWT_SECRET, { expiresIn: "1h" }) });
});

app.get("/imagepic/bucket/listBuckets", async (_req, res) => {
  try {
    good(res, await store.listBuckets());
  } catch (error) {
    bad(res, error);
  }
});

app.post("/imagepic/object/putObject", signedIn, multer({ storage: multer.memoryStorage() }).single("file"), async (req, res) => {
  const { bucket, folder } = req.headers;
  const name = folder ? `${folder}/${req.file.originalname}` : req.file.originalname;
  try {
    good(res, await store.putObject(bucket, name, req.file.buffer, req.file.size, { "Content-Type": req.file.mimetype }));
  } catch (error) {
    bad(res, error);
  }
});

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
